"""The retention service: keeps records durably, proves what it keeps, and opens them to two persons alone."""
