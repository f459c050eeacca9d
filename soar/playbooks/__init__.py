"""The playbooks that come with the product: content, one file each."""
