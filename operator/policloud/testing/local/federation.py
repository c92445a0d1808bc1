"""A local federation: brought up, looked at, taken apart, brought down. For `policloud local`, tests and the demo."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from policloud.testing.controlplane import Binaries, ControlPlane, data_folder, find_binaries
from policloud.testing.controlplane.processes import Processes
from policloud.testing.controlplane.progress import Progress, progress_on_stderr
from policloud.testing.local import components, operators
from policloud.testing.local import state as states
from policloud.testing.local.components import Component
from policloud.testing.local.errors import LocalError
from policloud.testing.local.fleet import SiteFolder, read_fleet
from policloud.testing.local.state import DEFAULT_HUB_ID, DEFAULT_TIME_SCALE, Layout, State
from policloud.testing.local.timeline import Timeline

HUB_PARTS = ("apiserver", "controller-manager")


class Federation:
    """One hub and several sites below `directory`. Make it with `create` and call `up`, or find it with `open`."""

    def __init__(self, layout: Layout, state: State) -> None:
        self.layout = layout
        self.state = state
        self.processes = Processes(layout.root, attached=state.attached)
        self._planes: dict[str, ControlPlane] = {}
        self._binaries: Binaries | None = None

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        fleet: Path | None = None,
        limit: int | None = None,
        only: Sequence[str] = (),
        attached: bool = True,
        audit: bool = False,
        time_scale: float = DEFAULT_TIME_SCALE,
        hub_id: str = DEFAULT_HUB_ID,
    ) -> Federation:
        """Prepare a new one in an empty directory, or in that of one that is down (which is emptied).

        `fleet`: folder with one folder a site (default: samples/fleet); `limit`: only the first so many; `only`: only
        those named. `attached`: every process dies with this one. `time_scale`: of all waits of hub and sites.
        """
        layout = Layout(directory.resolve())
        _make_room(layout)
        sites = read_fleet(fleet or data_folder("samples") / "fleet", limit, only)
        state = State(
            sites=[site.name for site in sites],
            hub_id=hub_id,
            time_scale=time_scale,
            attached=attached,
            audit=audit,
        )
        state.choose_ports()
        for site in sites:
            shutil.copytree(site.folder, layout.site(site.name), copy_function=shutil.copy)
        (layout.root / "credentials").mkdir(mode=0o700)
        states.save(layout, state)
        return cls(layout, state)

    @classmethod
    def open(cls, directory: Path) -> Federation:
        """The one that is there; LocalError if there is none."""
        layout = Layout(directory.resolve())
        return cls(layout, states.load(layout))

    # Using it

    def up(self, progress: Progress | None = None) -> Timeline:
        """Start everything, join the sites; returns when units are Ready and memberships Reachable.

        If it fails, everything is stopped again, logs kept, and the error says which step and why.
        """
        from policloud.testing.local.startup import Startup  # noqa: PLC0415 - startup works on a Federation

        self._binaries = find_binaries()
        with contextlib.ExitStack() as stack:
            shown = progress or stack.enter_context(progress_on_stderr())
            try:
                return Startup(self, shown).run()
            except BaseException:
                self.down()
                raise

    def kubectl(self, where: str, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess
        """Run kubectl as administrator of "hub" or of a site; its stdout."""
        return self.plane(where).kubectl(*arguments, input=input)

    def kubeconfig(self, name: str) -> Path:
        """Of an administrator of "hub" or of a site."""
        self._known(name)
        return self.layout.kubeconfig(name)

    def folder(self, site: str) -> Path:
        """The site's own copy of its sample folder: trace files rewritten here are read again."""
        self._known(site)
        return self.layout.site(site)

    def stop(self, name: str) -> None:
        """Stop a component in an orderly way: hub, hub-apiserver, site:NAME, site-apiserver:NAME, link:NAME…"""
        component = self._component(name)
        if component.plane is None:
            self.processes.stop(component.process)
        else:
            self.plane(component.plane).stop_component(component.process)

    def kill(self, name: str) -> None:
        """SIGKILL a component."""
        component = self._component(name)
        if component.plane is None:
            self.processes.kill(component.process)
        else:
            self.plane(component.plane).kill_component(component.process)

    def start(self, name: str) -> None:
        """Start a component again, as it was. Does nothing if it runs."""
        if self.state.down:
            raise LocalError(f"the federation in {self.layout.root} is down; start it with: policloud local up")
        component = self._component(name)
        if component.plane is not None:
            self.plane(component.plane).start_component(component.process)
        else:
            self.start_own(component)

    def alive(self, name: str) -> bool:
        component = self._component(name)
        return self.processes_of(component).alive(component.process)

    def log(self, name: str) -> Path:
        component = self._component(name)
        return self.processes_of(component).log(component.process)

    def components(self) -> list[Component]:
        return components.everything(self.state.sites)

    def processes_of(self, component: Component) -> Processes:
        """Where the component's process is kept, under `component.process`."""
        return self.processes if component.plane is None else self.plane(component.plane).processes

    def down(self) -> None:
        """End every process, in any state; files stay for reading. No error if nothing runs."""
        own = [component for component in self.components() if component.plane is None]
        with ThreadPoolExecutor(8) as pool:
            for component in own:
                self.processes.signal(component.process, signal.SIGTERM)
            list(pool.map(lambda component: self.processes.stop(component.process, seconds=5.0), own))
            # The data are not used again: no need to let API servers and etcd go gently.
            etcd = self.plane("etcd")
            if etcd.started_once:  # else no API server ever was
                list(pool.map(lambda name: _kill_all(self.plane(name)), ["hub", *self.state.sites]))
        _kill_all(etcd)
        self.state.down = True
        states.save(self.layout, self.state)

    # For Startup

    def plane(self, name: str) -> ControlPlane:
        """The control plane of "hub" or of a site; "etcd" is the one that all store in."""
        if name not in self._planes:
            self._planes[name] = self._make_plane(name)
        return self._planes[name]

    def site_folders(self) -> list[SiteFolder]:
        """As copied into the directory."""
        return read_fleet(self.layout.root / "sites", only=self.state.sites)

    def start_own(self, component: Component) -> None:
        """Start one of our own processes: the hub, a site, a link."""
        site = component.name.partition(":")[2]
        hub = self.plane("hub")
        if component.name == "hub":
            identity = hub.authority.server("identity", ["127.0.0.1", "localhost"])
            command = operators.hub_command(self.layout, self.state, hub, identity)
        elif component.name.startswith("site:"):
            command = operators.site_command(self.layout, self.state, site)
        else:
            command = operators.link_command(self.state, site, hub)
        self.processes.start(component.process, command, environment=operators.environment())

    def _make_plane(self, name: str) -> ControlPlane:
        directory, attached = self.layout.plane(name), self.state.attached
        if name == "etcd":
            return ControlPlane(directory, name, ("etcd",), attached=attached, binaries=self._binaries)
        self._known(name)
        return ControlPlane(
            directory,
            name,
            HUB_PARTS if name == "hub" else components.PLANE_PARTS,
            etcd_url=self.plane("etcd").etcd_url,
            etcd_prefix=f"/{name}",
            attached=attached,
            audit=self.state.audit,
            binaries=self._binaries,
        )

    def _known(self, name: str) -> None:
        if name != "hub" and name not in self.state.sites:
            raise LocalError(f"no cluster is named {name!r}; there are hub, {', '.join(self.state.sites)}")

    def _component(self, name: str) -> Component:
        return components.parse(name, self.state.sites)


def _kill_all(plane: ControlPlane) -> None:
    for component in plane.components:
        plane.processes.kill(component)


def running(federation: Federation) -> Iterator[str]:
    """Names of components that are alive."""
    return (component.name for component in federation.components() if federation.alive(component.name))


def _make_room(layout: Layout) -> None:
    if layout.state.exists():
        old = Federation(layout, states.load(layout))
        alive = next(running(old), None)
        if alive is not None:
            raise LocalError(
                f"a federation runs in {layout.root} ({alive} is alive); end it with: "
                f"policloud local down --dir {layout.root}"
            )
        shutil.rmtree(layout.root)
    elif layout.root.exists() and any(layout.root.iterdir()):
        raise LocalError(f"{layout.root} is not empty and holds no federation; name an empty or a new directory")
    layout.root.mkdir(parents=True, exist_ok=True)
