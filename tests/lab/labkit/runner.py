def load_all():
    return []
