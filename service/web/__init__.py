"""The frame of every page: templating, languages, forms, security headers, static files. It knows no domain."""
