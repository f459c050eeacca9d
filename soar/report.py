def write(work, container_id): return ""
