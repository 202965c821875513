"""The lab: a whole real Xen host under QEMU, and what runs scenarios on it."""
