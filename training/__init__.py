"""Training of what is learned, and its export for the library that runs it. The product never imports it."""
