def expect_leak_free(lab):
    pass
