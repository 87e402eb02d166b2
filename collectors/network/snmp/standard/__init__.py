"""What any device may say in the IETF's and IEEE's own MIBs, and in the two agents' that became standards by use."""
