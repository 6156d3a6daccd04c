"""What to do about what the offline scan finds, in Chinese and English."""

from __future__ import annotations

from playbooks.judge.results import Remediation

REBUILD = Remediation(
    kind="manual",
    zh="向厂商索取目标架构的版本,或在目标架构上用源码重新编译",
    en="Ask the vendor for a build for the target, or rebuild it there from source",
)
TEXTS: dict[str, Remediation] = {
    "python": Remediation(
        zh="在目标机上用 pip 重新安装该包(或从源码构建),不要拷贝 site-packages",
        en="Install the package again on the target with pip (or build it); do not copy it over",
    ),
    "node": Remediation(
        zh="在目标机上执行 npm rebuild 或重新安装依赖,不要拷贝 node_modules",
        en="Run npm rebuild or install the dependencies again on the target; do not copy them",
    ),
    "kernel": Remediation(
        kind="manual",
        zh="向厂商索取目标内核与架构的驱动模块",
        en="Ask the vendor for a driver for the target's kernel and architecture",
    ),
    "object": Remediation(
        zh="静态库与目标文件须用目标架构编译器重新编译后再链接",
        en="Compile static libraries and objects again for the target before linking",
    ),
    "go": Remediation(
        zh="用 GOOS=linux GOARCH={go_arch} 重新编译,或下载该架构的发布包",
        en="Build again with GOOS=linux GOARCH={go_arch}, or take the release for it",
    ),
    "32-bit": Remediation(
        zh="换用 64 位版本;目标系统通常不带 32 位运行库",
        en="Use the 64-bit build; the target usually carries no 32-bit libraries",
    ),
    "x86-level": Remediation(
        zh="换用 x86-64 基线({isa})编译的版本;目标 CPU 没有所需指令集",
        en="Use a build for the baseline ({isa}); the target's processor lacks the instructions",
    ),
    "page": Remediation(
        zh="用 -Wl,-z,max-page-size=65536 重新链接;目标内核的页大小是 {page} 字节",
        en="Link again with -Wl,-z,max-page-size=65536; the target's pages are {page} bytes",
    ),
    "jemalloc": Remediation(
        zh="内含 jemalloc,头信息看不出其页大小:在 {page} 字节页的机器上试运行一次,"
        "不行则换用发行版软件包或以 --with-lg-page=16 重新编译",
        en="It embeds jemalloc, whose page size no header tells: run it once on a machine with "
        "{page}-byte pages; else take the distribution's package or build --with-lg-page=16",
    ),
    "world": Remediation(
        zh="龙芯新旧世界不兼容:换用{world}的版本,或在新世界上用 liblol 兼容层",
        en="LoongArch's two worlds do not mix: use a build for the {world}, or liblol on the new",
    ),
    "static-world": Remediation(
        zh="静态文件看不出新旧世界,上游工具链默认面向新世界:在旧世界机器上试运行一次",
        en="A static file names no world and upstream tools build for the new: try it once there",
    ),
    "mips": Remediation(
        kind="manual",
        zh="这是龙芯 MIPS 时代的程序,不能在 LoongArch 上运行:换用 loongarch64 版本",
        en="Built for Loongson's MIPS chips, which LoongArch is not: use a loongarch64 build",
    ),
    "glibc": Remediation(
        zh="在目标系统(glibc {glibc})上重新编译,或换用面向更低 glibc 的版本",
        en="Build it on the target (glibc {glibc}), or take a build for a lower glibc",
    ),
    "glibcxx": Remediation(
        zh="目标系统的 libstdc++ 较旧:随程序携带 libstdc++,或在目标系统上重新编译",
        en="The target's libstdc++ is older: ship libstdc++ with the program, or build it there",
    ),
    "loader": Remediation(
        zh="目标系统没有这个动态加载器(如 musl):换用 glibc 版本",
        en="The target has no such loader (musl, for one): use a build for glibc",
    ),
    "other-system": Remediation(
        zh="不是 Linux 程序:确认应用是否调用它,必要时换用 Linux 版本",
        en="Not a Linux program: see whether the application calls it; if so, use one for Linux",
    ),
    "jar": Remediation(
        zh="{advice}",
        en="{advice}",
    ),
    "wheel": Remediation(
        zh="用 pip download --platform manylinux_2_17_{wheel_arch} --only-binary=:all: 取目标架构的"
        " wheel,没有则从源码构建",
        en="Fetch a wheel with pip download --platform manylinux_2_17_{wheel_arch} "
        "--only-binary=:all:, or build it from source",
    ),
    "wheel-loongarch": Remediation(
        zh="PyPI 不接收 loongarch64 的 wheel:使用厂商的软件源,或从源码构建",
        en="PyPI takes no loongarch64 wheels: use the vendor's index, or build from source",
    ),
    "image": Remediation(
        zh="拉取或构建 linux/{oci_arch} 的镜像(docker buildx build --platform linux/{oci_arch})",
        en="Pull or build an image for linux/{oci_arch} "
        "(docker buildx build --platform linux/{oci_arch})",
    ),
    "package": Remediation(
        zh="换用目标架构({arch})的软件包",
        en="Use the package for the target's architecture ({arch})",
    ),
    "package-format": Remediation(
        zh="目标系统用 {manager} 管理软件包:换用对应格式的包",
        en="The target installs with {manager}: use a package in its format",
    ),
    "unread": Remediation(
        kind="manual",
        zh="无法读取,未作判断:按原因处理后重新扫描",
        en="It could not be read and is not judged: deal with the reason and scan again",
    ),
}


def advice(key: str, **values: str) -> Remediation:
    """The text of a key with its blanks filled in."""
    text = TEXTS.get(key, REBUILD)
    return Remediation(kind=text.kind, zh=text.zh.format(**values), en=text.en.format(**values))


def jar_advice(name: str, since: str | None, arch: str) -> Remediation:
    """For a Java artefact of the table of first versions with aarch64 natives."""
    if arch != "aarch64":
        return Remediation(
            zh=f"换用带 {arch} 本地库的 {name or '该组件'} 版本,或由厂商提供该架构的构建",
            en=f"Use a build of {name or 'it'} with natives for {arch}, or ask the vendor for one",
        )
    if name and since:
        return Remediation(
            zh=f"把 {name} 升级到 {since} 或更高版本,自该版起带 aarch64 本地库",
            en=f"Upgrade {name} to {since} or later: natives for aarch64 since then",
        )
    if name:
        return Remediation(
            kind="manual",
            zh=f"{name} 没有带 aarch64 本地库的版本:自行编译或换用其他组件",
            en=f"No version of {name} has natives for aarch64: build them or replace it",
        )
    return Remediation(
        zh="升级到带 aarch64 本地库的版本,没有则自行编译本地库",
        en="Upgrade to a version with natives for aarch64, or build them",
    )
