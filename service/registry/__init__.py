"""The register of this region: people, departures and arrivals."""
