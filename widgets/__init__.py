"""What pages embed: custom elements, and the portal, documentation and start pages made with them."""
