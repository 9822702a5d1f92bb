"""`dcm doctor`: each link between an agent host and the server, tried and explained."""
