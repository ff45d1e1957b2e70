"""Open runs, networks and files, and classify images with them."""
