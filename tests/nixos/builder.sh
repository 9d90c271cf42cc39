# builder.sh — what the standard environment of nixpkgs does, as far as the tests need it: variables from .attrs.sh, PATH,
# then the build command, or the phases of Meson.
# shellcheck shell=bash disable=SC2154,SC1090,SC2086  # variables of the derivation, which are lists of words

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
if [ -n "${NIX_ATTRS_SH_FILE-}" ]; then
    . "$NIX_ATTRS_SH_FILE"
    nativeBuildInputs=${nativeBuildInputs[*]-}
    out=${outputs[out]}
fi
for input in ${nativeBuildInputs-}; do
    PATH=$input/bin:$PATH
done
if [ "${NIX_BUILD_CORES:-0}" -le 0 ]; then
    NIX_BUILD_CORES=$(nproc)
fi
export NIX_BUILD_CORES

if [ -n "${buildCommand-}" ]; then
    eval "$buildCommand"
    exit
fi

cp -r "$src" source
chmod -R u+w source
meson setup build source --prefix="$out" --libdir=lib --buildtype="$mesonBuildType" --wrap-mode=nodownload $mesonFlags
ninja -C build -j "$NIX_BUILD_CORES"
meson install -C build --no-rebuild
