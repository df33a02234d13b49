"""The members by age group, gender and city."""

from dashboard import sections
from dashboard.page import begin, show

show(sections.member_groups(begin("Members")))
