# Recipes of the image and the lab, included by the top Makefile.

IMAGE := build/panoptes-$(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)-x86_64.img

.PHONY: image
image: build ## build the bootable disk image
	$(CARGO) run --release --locked -q -p image-build -- --out build

.PHONY: lab
lab: image ## boot the image in QEMU among simulated hosts
	PANOPTES_IMAGE=$(IMAGE) $(CARGO) run --release --locked -q -p qemu-tests --bin lab -- \
	  $(if $(SECONDS),--seconds $(SECONDS)) $(if $(REPLAY),--replay '$(REPLAY)')
