"""How a message leaves: mail, signed webhook, WeCom and DingTalk robots."""
