def demo(json_file, keep):
    return 1
