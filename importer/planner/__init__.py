"""Candidates and what Alma holds become a plan: pure, without network, files or clock."""
