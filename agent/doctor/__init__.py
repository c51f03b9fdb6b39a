"""What an installation lacks: each check looks at one thing and says what was seen, why it matters and what to do next."""
