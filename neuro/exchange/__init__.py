"""Networks of other tools: read from their files, without the tools."""
