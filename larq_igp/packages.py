"""The packages that this one imports: what each is for, and how to get one that is missing."""

import importlib.util
import sys
from dataclasses import dataclass

from larq_igp.versions import installed_version

REPORT = "pip install 'larq-igp[report]'"
DATASETS = "pip install 'larq-igp[datasets]'"


@dataclass(frozen=True)
class Package:
    """A package that is imported somewhere.

    Attributes:
        requirement: as in ``setup.cfg``.
        module: what is imported.
        use: what is impossible without it; completes "it is needed to".
        is_optional: whether the rest works without it.
        command: that installs it, if not pip with the requirement.
        where: that works, if not everywhere.
        python_below: the version of Python from which on pip does not install it with this
            package, if there is one.
        is_in_python: whether it is not needed from that version on.
    """

    requirement: str
    module: str
    use: str
    is_optional: bool = False
    command: str = ""
    where: str = ""
    python_below: tuple[int, int] | None = None
    is_in_python: bool = False

    @property
    def name(self) -> str:
        """The distribution."""
        return self.requirement.split()[0]

    @property
    def how_to_get(self) -> str:
        """A command between backquotes, and where it works."""
        command = self.command or f"pip install '{self.requirement.replace(' ', '')}'"
        release = ".".join((installed_version("tensorflow") or "2.21").split(".")[:2])
        return f"`{command.format(release=release)}` {self.where}".rstrip()

    @property
    def is_needed_here(self) -> bool:
        """Whether this Python needs it."""
        return not self.is_in_python or sys.version_info < (self.python_below or ())

    @property
    def is_installed(self) -> bool:
        """Whether it can be found; it is not imported."""
        return importlib.util.find_spec(self.module) is not None

    @property
    def absence(self) -> str:
        """The sentence for a user who needs the package but does not have it."""
        return f"{self.name} is not installed; it is needed to {self.use}: {self.how_to_get}."

    def why_unusable(self, error: ImportError | OSError) -> str:
        """Return the sentence for an import that failed, whether it is installed or not."""
        if not self.is_installed:
            return self.absence
        return f"{self.name} cannot be imported ({error}): install it again by {self.how_to_get}."


PACKAGES = (
    Package("click >=8.1", "click", "use the command line"),
    Package("numpy >=1.24,<3", "numpy", "compute anything"),
    Package("tensorflow >=2.15,<2.22", "tensorflow", "build, train, convert and measure networks"),
    Package(
        "tf-keras >=2.15,<2.22",
        "tf_keras",
        "use Keras 2, for which Larq is written",
        command="pip install 'tf-keras~={release}.0'",
    ),
    Package(
        "larq >=0.14,<0.15",
        "larq",
        "build, train, convert and measure networks",
        command="pip install --no-deps 'larq>=0.14,<0.15'",
        python_below=(3, 13),
    ),
    Package("h5py >=3", "h5py", "read and write weights"),
    Package("msgspec >=0.19", "msgspec", "read recipes, runs and cards"),
    Package("safetensors >=0.4.3", "safetensors", "read and write checkpoints"),
    Package("filelock >=3.12", "filelock", "keep a run to one process"),
    Package("tqdm >=4.60", "tqdm", "show progress"),
    Package("rich >=13", "rich", "show progress"),
    Package("tabulate >=0.9", "tabulate", "print tables"),
    Package("pillow >=10", "PIL", "decode images"),
    Package("tomli >=2", "tomli", "read recipe files", python_below=(3, 11), is_in_python=True),
    Package("scikit-learn >=1.3", "sklearn", "read the bundled digits", True),
    Package("scipy >=1.9", "scipy", "read the bundled digits and correlate ranks", True),
    Package(
        "larq-compute-engine >=0.16,<0.17",
        "larq_compute_engine",
        "use the converter and the engine of Larq Compute Engine",
        True,
        where="on Python 3.10-3.12 for Linux x86-64, macOS or Windows",
        python_below=(3, 13),
    ),
    Package(
        "larq-igp-runtime",
        "larq_igp_runtime",
        "run 1-bit files by this project's own engine",
        True,
        command="pip install ./runtime",
        where="in a checkout of larq-igp",
    ),
    Package(
        "larq-zoo >=2.4,<3",
        "larq_zoo",
        "use the networks of larq-zoo",
        True,
        command=f"{DATASETS} && pip install --no-deps 'larq-zoo>=2.4,<3' zookeeper typeguard",
    ),
    Package(
        "tensorflow-datasets >=4.8.3,<5",
        "tensorflow_datasets",
        "read a data set that tensorflow-datasets has prepared",
        True,
        command=DATASETS,
    ),
    Package("matplotlib >=3.8", "matplotlib", "draw charts", True, command=REPORT),
)
BY_MODULE = {package.module: package for package in PACKAGES}


def why_lce_cannot_run() -> str | None:
    """Say why Larq Compute Engine's interpreter runs no file here, and what to do; None if it does.

    It was compiled for NumPy 1; its converter does not mind.
    """
    numpy = installed_version("numpy")
    if not numpy or numpy.startswith("1."):
        return None
    return (
        f"cannot run files under NumPy {numpy}: {BY_MODULE['larq_igp_runtime'].how_to_get}, or "
        "`pip install 'numpy<2'`"
    )


def require(*modules: str) -> None:
    """Refuse, before long work, what would fail after it for want of a package.

    Raises:
        ModuleNotFoundError: naming the first that is not installed.
    """
    for module in modules:
        if not BY_MODULE[module].is_installed:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def absence(error: ModuleNotFoundError) -> str:
    """Return the sentence for an import that failed.

    Raises:
        ModuleNotFoundError: the same, if a module of this package is missing: a fault of ours.
    """
    module = (error.name or "larq_igp").partition(".")[0]
    if module == "larq_igp":
        raise error
    if module in BY_MODULE:
        return BY_MODULE[module].absence
    return (
        f"the module {module!r}, which an installed package imports, cannot be found: `pip check` "
        "says which package asks for it."
    )
