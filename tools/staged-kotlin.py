"""Looks whether a staged Maven repository holds what Maven Central demands of the packages for the JVM.

`tools/publish-kotlin` runs it on its rehearsal.
"""

import hashlib
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as xml
import zipfile

GROUP = "io/github/orgconnect"
VERSION = "0.1.0"
POM = "{http://maven.apache.org/POM/4.0.0}"
# What a POM must have, itself or from its parent.
DEMANDED = """
    name description url licenses/license/name licenses/license/url developers/developer/name developers/developer/organization
    developers/developer/organizationUrl scm/url scm/connection scm/developerConnection
""".split()
# What each JAR must hold, among the rest.
JARS = {
    "orgconnect": {
        "": ["io/github/orgconnect/Client.class", "META-INF/LICENSE", "META-INF/proguard/orgconnect.pro"],
        "-sources": ["io/github/orgconnect/Client.kt", "io/github/orgconnect/api/Events.kt"],
        "-javadoc": ["index.html", "orgconnect/io.github.orgconnect/-client/index.html"],
    },
    "orgconnect-app": {
        "": ["io/github/orgconnect/PublicClient.class", "META-INF/LICENSE", "META-INF/proguard/orgconnect.pro"],
        "-sources": ["io/github/orgconnect/PublicClient.kt", "io/github/orgconnect/api/Events.kt"],
        "-javadoc": ["index.html", "orgconnect-app/io.github.orgconnect/-public-client/index.html"],
    },
    "orgconnect-parent": {},
}


def main(staging: pathlib.Path) -> None:
    wrong: list[str] = []
    parent = xml.parse(folder(staging, "orgconnect-parent") / f"orgconnect-parent-{VERSION}.pom").getroot()
    for artifact, jars in JARS.items():
        files = [f"{artifact}-{VERSION}.pom"] + [f"{artifact}-{VERSION}{kind}.jar" for kind in jars]
        for name in files:
            wrong += unsigned(folder(staging, artifact) / name)
        pom = xml.parse(folder(staging, artifact) / files[0]).getroot()
        wrong += [f"{files[0]}: no {path}" for path in DEMANDED if not said(pom, path) and not said(parent, path)]
        for kind, names in jars.items():
            wrong += lacking(folder(staging, artifact) / f"{artifact}-{VERSION}{kind}.jar", names)
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{', '.join(JARS)}: signed, with checksums, sources and documentation, as Maven Central demands")


def folder(staging: pathlib.Path, artifact: str) -> pathlib.Path:
    return staging / GROUP / artifact / VERSION


def unsigned(file: pathlib.Path) -> list[str]:
    """What is wrong with a file's checksums and its signature."""
    if not file.exists():
        return [f"{file.name}: it is missing"]
    signature = file.with_name(f"{file.name}.asc")
    wrong = []
    for algorithm in ("md5", "sha1"):
        checksum = file.with_name(f"{file.name}.{algorithm}")
        if not checksum.exists() or checksum.read_text() != hashlib.new(algorithm, file.read_bytes()).hexdigest():
            wrong.append(f"{file.name}: its {algorithm} is missing or wrong")
    if subprocess.run(["gpg", "--verify", signature, file], capture_output=True).returncode != 0:
        wrong.append(f"{file.name}: its signature is missing or wrong")
    return wrong


def said(pom: xml.Element, path: str) -> bool:
    return bool(pom.findtext("/".join(POM + tag for tag in path.split("/")), "").strip())


def lacking(jar: pathlib.Path, names: list[str]) -> list[str]:
    if not jar.exists():
        return []
    inside = zipfile.ZipFile(jar).namelist()
    return [f"{jar.name}: no {name}" for name in names if name not in inside]


main(pathlib.Path(sys.argv[1]))
