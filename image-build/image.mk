# Recipes of the image and the lab, included by the top Makefile.

IMAGE := build/panoptes-$(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)-x86_64
IMAGE_BUILD := $(CARGO) run --release --locked -q -p image-build -- --out build

.PHONY: image lab-image lab
image: build ## build the bootable disk image
	$(IMAGE_BUILD)

# The same with a root shell on a virtio serial port, which tests use to kill things.
lab-image: build
	$(IMAGE_BUILD) --lab

lab: image ## boot the image in QEMU among simulated hosts
	$(CARGO) run --release --locked -q -p qemu-tests --bin lab -- --image $(IMAGE).img \
	  $(if $(SECONDS),--seconds $(SECONDS)) $(if $(REPLAY),--replay '$(REPLAY)')
