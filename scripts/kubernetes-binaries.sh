#!/bin/sh
# Makes the programs of a real Kubernetes 1.20 for tests, in an empty directory: kube-apiserver, kube-controller-manager,
# kube-scheduler and kubelet from Debian's source package, etcd and kubectl from its packages, and the program of pods'
# first container. Takes 10 to 15 minutes of two processors, and 5 GB beside that directory while it works. Needs apt,
# dpkg-dev and gcc, and neither root nor an installed Go: packages are unpacked, and apt keeps its lists in the work
# directory, so nothing else on the machine changes.
#
#   scripts/kubernetes-binaries.sh DIRECTORY
set -eu
[ $# = 1 ] || { echo 'usage: scripts/kubernetes-binaries.sh DIRECTORY' >&2; exit 64; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$out.work
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/sources" "$work/root" "$work/go" "$work/tmp"
cd "$work"

# The machine's own sources of packages, with those for source packages.
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  [ -f "$list" ] || continue
  sed -e 's/^Types: *deb *$/Types: deb deb-src/' -e 's/^deb\( .*\)$/&\ndeb-src\1/' "$list" >"sources/${list##*/}"
done
apt() {
  apt-get -q -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/sources" -o "Dir::State::Lists=$work/lists" \
    -o "Dir::Cache::Archives=$work/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User= "$@"
}
apt update
apt source --download-only kubernetes
apt download golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev etcd-server kubernetes-client
for package in *.deb; do dpkg-deb -x "$package" root; done
mv root/usr/bin/etcd root/usr/bin/kubectl "$out"

src=$work/go/src/k8s.io
mkdir -p "$src"
dpkg-source -x --no-check kubernetes_*.dsc "$src/kubernetes"
cd "$src/kubernetes"

# The release that Kubernetes has with it reads types of Go in a way that Go 1.18 broke: the API server loses its memory
# under load, and ends.
reflect2=vendor/github.com/modern-go/reflect2
rm -r "$reflect2"
cp -r "$work/root/usr/share/gocode/src/github.com/modern-go/reflect2" "$reflect2"

export GOROOT="$work/root/usr/lib/go-1.19" GOPATH="$work/go" GOCACHE="$work/cache" GOTMPDIR="$work/tmp" GOPROXY=off \
  GO111MODULE=off CGO_ENABLED=0
go=$GOROOT/bin/go

# The one generated file that the source package lacks.
"$go" build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
# As Makefile.generated_files has it. The folders of Go's own packages have links below vendor.
packages=$(find -L cmd pkg vendor/k8s.io -name '*.go' -type f -exec grep -l '^// *+k8s:openapi-gen=' {} + |
  sed -e '/^vendor\/k8s.io\/\(code-generator\|sample-apiserver\)\//d' -e 's|/[^/]*$||' -e 's|^|k8s.io/kubernetes/|' | sort -u | paste -sd,)
# gengo asks Go for the folder of each package.
PATH=$GOROOT/bin:$PATH "$work/openapi-gen" --logtostderr -i "$packages" -p k8s.io/kubernetes/pkg/generated/openapi \
  -O zz_generated.openapi -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$work/violations"

version=$(sed -n 's/^Version: .*really\([0-9.]*\)-.*/v\1/p' "$work"/kubernetes_*.dsc)
flags='-s -w'
for package in component-base/version client-go/pkg/version; do
  package=k8s.io/kubernetes/vendor/k8s.io/$package
  flags="$flags -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=20"
done
"$go" build -trimpath -ldflags "$flags" -o "$out/" ./cmd/kube-apiserver ./cmd/kube-controller-manager \
  ./cmd/kube-scheduler ./cmd/kubelet
gcc -Os -static -DVERSION=test -o "$out/pause" build/pause/linux/pause.c
