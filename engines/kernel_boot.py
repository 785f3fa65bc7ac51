"""What a kernel runs before the first statement: lossless messages, variables, data frames.

It is read as text and executed in the user's interpreter, so it must not import anything of ours
but the module that every task may import, and must leave no name behind.
"""


def _narthex_boot() -> None:
    import os  # noqa: PLC0415 - no name may stay behind

    import narthex  # type: ignore[import-not-found]  # noqa: PLC0415 - it is on the kernel's path
    import zmq  # noqa: PLC0415
    from IPython import get_ipython  # noqa: PLC0415

    shell = get_ipython()
    kernel = shell.kernel
    kept: dict = {}  # type: ignore[type-arg]  # any Python from 3.8 on runs this

    def wait_rather_than_drop() -> None:
        kernel.iopub_thread.socket.setsockopt(zmq.XPUB_NODROP, 1)

    def before() -> None:
        noted = kernel.get_parent("shell").get("metadata", {}).get("narthex", {})
        for name, value in noted.get("environment", {}).items():
            kept[name] = os.environ.get(name)
            os.environ[name] = value

    def after() -> None:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        kept.clear()

    def show(frame: object, include: object = None, exclude: object = None) -> tuple:  # type: ignore[type-arg]
        del include, exclude
        narthex.table(frame)
        return {}, {"narthex": {"table": True}}

    kernel.iopub_thread.schedule(wait_rather_than_drop)
    shell.events.register("pre_execute", before)
    shell.events.register("post_execute", after)
    shell.display_formatter.mimebundle_formatter.for_type_by_name(
        "pandas.core.frame", "DataFrame", show
    )


_narthex_boot()
del _narthex_boot
