"""Types into a workbook in LibreOffice and saves it: run by the Python that has `uno`, not by ours.

Arguments: the pipe where LibreOffice listens, the workbook, the copy to save. Standard input: the
texts by their cells on the first sheet, as JSON.
"""

import json
import sys
import time
from pathlib import Path

import uno  # type: ignore[import-not-found]
from com.sun.star.beans import PropertyValue  # type: ignore[import-not-found]
from com.sun.star.connection import NoConnectException  # type: ignore[import-not-found]

SECONDS = 60
"""LibreOffice is waited for, when it makes its profile."""


def listening(pipe: str):  # type: ignore[no-untyped-def]
    """What makes the objects of the LibreOffice that listens at the pipe."""
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstance("com.sun.star.bridge.UnoUrlResolver")
    last = time.monotonic() + SECONDS
    while True:
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ServiceManager")
        except NoConnectException:
            if time.monotonic() > last:
                raise
            time.sleep(0.25)


def type_into(book: Path, texts: dict[str, str], saved: Path, pipe: str) -> None:
    """Open the workbook, type each text into its cell, and save it as a workbook of Excel's.

    It is typed as at the keyboard: what is set in a document can pass by the format of its cell.
    """
    office = listening(pipe)
    typist = office.createInstance("com.sun.star.frame.DispatchHelper")
    desktop = office.createInstance("com.sun.star.frame.Desktop")
    document = desktop.loadComponentFromURL(book.as_uri(), "_blank", 0, named(Hidden=True))
    frame = document.CurrentController.Frame
    for cell, text in texts.items():
        typist.executeDispatch(frame, ".uno:GoToCell", "", 0, named(ToPoint=cell))
        typist.executeDispatch(frame, ".uno:EnterString", "", 0, named(StringName=text))
    document.storeToURL(saved.as_uri(), named(FilterName="Calc MS Excel 2007 XML"))
    document.close(True)  # noqa: FBT003  LibreOffice takes no keywords


def named(**values: object) -> tuple[PropertyValue, ...]:
    """Arguments as LibreOffice takes them."""
    return tuple(PropertyValue(Name=name, Value=value) for name, value in values.items())


if __name__ == "__main__":
    type_into(Path(sys.argv[2]), json.load(sys.stdin), Path(sys.argv[3]), sys.argv[1])
