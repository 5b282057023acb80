int modhost_module_v2(void) { return 1; }
