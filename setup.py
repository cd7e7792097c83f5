"""One package lies outside minifacenet/: data_scripts, which travels in the wheel too."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["minifacenet*"]), "minifacenet.data_scripts"],
    package_dir={"minifacenet.data_scripts": "data_scripts"},
)
