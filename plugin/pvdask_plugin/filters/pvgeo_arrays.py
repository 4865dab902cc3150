"""PVGeo's filters of arrays: Array Math, Normalize Array, Percent Threshold."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkDataObject
from vtkmodules.vtkFiltersCore import vtkThreshold

from pvdask.errors import InputError, OptionError
from pvdask_plugin.filters.pvgeo import CELL, POINT, PVGeoFilter, find_array, run

FIELD_OF = {vtkDataObject.POINT: 0, vtkDataObject.CELL: 1, vtkDataObject.ROW: 6}
"""What VTK calls an association of attributes, by what PVGeo calls it."""


class ArrayMath(PVGeoFilter):
    """An array made of two others, by PVGeo."""

    ALGORITHM = "ArrayMath"
    INPUT_TYPE = "vtkDataObject"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        "Array1": "",
        "Array2": "",
        "Operation": 0,
        "Multiplier": 1.0,
        "NewArrayName": "Mathed Up",
    }

    def SetArray1(self, value: str | None) -> None:
        """Name of the first array."""
        self._set("Array1", value)

    def SetArray2(self, value: str | None) -> None:
        """Name of the second array."""
        self._set("Array2", value)

    def SetOperation(self, value: int) -> None:
        """An index into PVGeo's operations: add, subtract, multiply, divide, correlate."""
        self._set("Operation", value)

    def SetMultiplier(self, value: float) -> None:
        """What the result is multiplied by."""
        self._set("Multiplier", value)

    def SetNewArrayName(self, value: str | None) -> None:
        """Name of the new array."""
        self._set("NewArrayName", value)

    def _run(self, algorithm: Any, data: Any, output: Any) -> None:
        field, first = find_array(data, self._value("Array1"), "Array1")
        other, second = find_array(data, self._value("Array2"), "Array2", (field,))
        if first.GetNumberOfComponents() != second.GetNumberOfComponents():
            raise InputError(
                f"Array2: {second.GetName()!r} has {second.GetNumberOfComponents()} component(s), and {first.GetName()!r} has "
                f"{first.GetNumberOfComponents()}; expected as many."
            )
        operation = algorithm.get_operation(int(self._value("Operation")))
        # PVGeo 3.0.2 (filters/math.py) multiplies in place, which whole numbers do not take from a multiplier that is none.
        algorithm.set_operation(lambda one, two: operation(np.array(one, "f8"), np.array(two, "f8")))
        algorithm.set_multiplier(float(self._value("Multiplier")))
        algorithm.set_new_array_name(self._value("NewArrayName"))
        algorithm.SetInputArrayToProcess(0, 0, 0, FIELD_OF[field], first.GetName())
        algorithm.SetInputArrayToProcess(1, 0, 0, FIELD_OF[other], second.GetName())
        run(algorithm, data, output)


class NormalizeArray(PVGeoFilter):
    """An array normalized, by PVGeo."""

    ALGORITHM = "NormalizeArray"
    INPUT_TYPE = "vtkDataObject"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        "Array": "",
        "Normalization": 0,
        "AbsoluteValue": 0,
        "Shift": 0.0,
        "Multiplier": 1.0,
        "NewArrayName": "Normalized",
    }

    def SetArray(self, value: str | None) -> None:
        """Name of the array."""
        self._set("Array", value)

    def SetNormalization(self, value: int) -> None:
        """An index into PVGeo's: feature scale, standard score, log10, natural log, just multiply."""
        self._set("Normalization", value)

    def SetAbsoluteValue(self, value: int) -> None:
        """Whether the absolute value is taken first."""
        self._set("AbsoluteValue", value)

    def SetShift(self, value: float) -> None:
        """What is added after that."""
        self._set("Shift", value)

    def SetMultiplier(self, value: float) -> None:
        """What the result is multiplied by."""
        self._set("Multiplier", value)

    def SetNewArrayName(self, value: str | None) -> None:
        """Name of the new array."""
        self._set("NewArrayName", value)

    def _run(self, algorithm: Any, data: Any, output: Any) -> None:
        field, array = find_array(data, self._value("Array"), "Array")
        algorithm.set_normalization(int(self._value("Normalization")))
        algorithm.set_take_absolute_value(bool(self._value("AbsoluteValue")))
        algorithm.set_shift(float(self._value("Shift")))
        algorithm.set_multiplier(float(self._value("Multiplier")))
        algorithm.set_new_array_name(self._value("NewArrayName"))
        algorithm.SetInputArrayToProcess(0, 0, 0, FIELD_OF[field], array.GetName())
        run(algorithm, data, output)


class PercentThreshold(PVGeoFilter):
    """What is above a share of an array's range, by PVGeo."""

    ALGORITHM = "PercentThreshold"
    INPUT_TYPE = "vtkDataSet"
    OUTPUT_TYPE = "vtkUnstructuredGrid"
    DEFAULTS: ClassVar[dict[str, Any]] = {"Array": "", "Percent": 50.0, "Invert": 0, "UseContinuousCellRange": 0}

    def SetArray(self, value: str | None) -> None:
        """Name of the array."""
        self._set("Array", value)

    def SetPercent(self, value: float) -> None:
        """Share of the range that is removed from below."""
        self._set("Percent", value)

    def SetInvert(self, value: int) -> None:
        """Whether what is above it is removed in its place."""
        self._set("Invert", value)

    def SetUseContinuousCellRange(self, value: int) -> None:
        """Whether a cell counts by the range of its points' values, and not by the values."""
        self._set("UseContinuousCellRange", value)

    def _run(self, algorithm: Any, data: Any, output: Any) -> None:
        percent = float(self._value("Percent"))
        if not 0 <= percent <= 100:
            raise OptionError("Percent", f"found {percent:g}; expected a number of 0 to 100.")
        field, array = find_array(data, self._value("Array"), "Array", (POINT, CELL))
        algorithm.set_percent(percent)
        # PVGeo 3.0.2 (filters/math.py) means ThresholdByUpper, to keep what is above, where it calls SetUpperThreshold, which
        # since VTK 9.1 keeps what is below; and the other way round.
        is_swapped = hasattr(vtkThreshold, "SetUpperThreshold")
        algorithm.set_invert(bool(self._value("Invert")) != is_swapped)
        algorithm.set_use_continuous_cell_range(int(self._value("UseContinuousCellRange")))
        algorithm.SetInputArrayToProcess(0, 0, 0, FIELD_OF[field], array.GetName())
        run(algorithm, data, output)
