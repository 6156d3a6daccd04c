"""Notices (闲置资源提示函): letters to units, their answers, and the orders that follow."""
