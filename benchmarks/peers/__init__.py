"""What dlcli is compared with: scripts that each run as a process of their own and print JSON."""
