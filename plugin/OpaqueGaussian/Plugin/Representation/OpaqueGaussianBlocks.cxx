#include "OpaqueGaussianBlocks.h"

#include "vtkCellArray.h"
#include "vtkCompositeDataIterator.h"
#include "vtkCompositeDataSet.h"
#include "vtkFieldData.h"
#include "vtkIdList.h"
#include "vtkNew.h"
#include "vtkPointData.h"
#include "vtkPointSet.h"
#include "vtkPoints.h"
#include "vtkPolyData.h"
#include "vtkTypeInt32Array.h"
#include "vtkTypeInt64Array.h"

#include <cstdint>
#include <numeric>

namespace
{
//----------------------------------------------------------------------------
template <typename IdArray>
vtkSmartPointer<vtkCellArray> MakeVertices(vtkIdType n_points)
{
  vtkNew<IdArray> offsets;
  vtkNew<IdArray> points;
  offsets->SetNumberOfValues(n_points + 1);
  points->SetNumberOfValues(n_points);
  std::iota(offsets->GetPointer(0), offsets->GetPointer(0) + n_points + 1, 0);
  std::iota(points->GetPointer(0), points->GetPointer(0) + n_points, 0);
  auto cells = vtkSmartPointer<vtkCellArray>::New();
  cells->SetData(offsets, points);
  return cells;
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkCellArray> MakeVertices(vtkIdType n_points)
{
  return n_points < VTK_INT_MAX ? MakeVertices<vtkTypeInt32Array>(n_points) : MakeVertices<vtkTypeInt64Array>(n_points);
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkIdList> OneOfEvery(vtkIdType step, vtkIdType n_points)
{
  auto chosen = vtkSmartPointer<vtkIdList>::New();
  chosen->SetNumberOfIds(n_points / step);
  std::uint32_t state = 1; // of a linear congruential generator (Numerical Recipes, 2nd ed., section 7.1)
  for (vtkIdType i = 0; i < n_points / step; ++i)
  {
    state = 1664525u * state + 1013904223u;
    chosen->SetId(i, i * step + static_cast<vtkIdType>((static_cast<std::uint64_t>(state) * step) >> 32));
  }
  return chosen;
}
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkCompositeDataSet> OpaqueGaussianBlocks::Changed(vtkCompositeDataSet* blocks, const Change& change)
{
  auto changed = vtk::TakeSmartPointer(blocks->NewInstance());
  changed->CopyStructure(blocks);
  auto leaves = vtk::TakeSmartPointer(blocks->NewIterator());
  for (leaves->InitTraversal(); !leaves->IsDoneWithTraversal(); leaves->GoToNextItem())
  {
    auto* leaf = vtkPolyData::SafeDownCast(leaves->GetCurrentDataObject());
    if (leaf && leaf->GetPoints())
    {
      changed->SetDataSet(leaves, change(leaf));
    }
  }
  return changed;
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkPolyData> OpaqueGaussianBlocks::WithVertices(vtkPointSet* input)
{
  auto points = vtkSmartPointer<vtkPolyData>::New();
  points->SetPoints(input->GetPoints());
  points->GetPointData()->ShallowCopy(input->GetPointData());
  points->GetFieldData()->ShallowCopy(input->GetFieldData());
  points->SetVerts(MakeVertices(input->GetNumberOfPoints()));
  return points;
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkCompositeDataSet> OpaqueGaussianBlocks::WithoutVertices(vtkCompositeDataSet* blocks)
{
  return Changed(blocks, [](vtkPolyData* leaf) {
    auto points = vtkSmartPointer<vtkPolyData>::New();
    points->SetPoints(leaf->GetPoints());
    points->GetPointData()->ShallowCopy(leaf->GetPointData());
    points->GetFieldData()->ShallowCopy(leaf->GetFieldData());
    return points;
  });
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkPolyData> OpaqueGaussianBlocks::Chosen(vtkPolyData* leaf, vtkIdList* ids)
{
  const vtkIdType n_chosen = ids->GetNumberOfIds();
  auto chosen = vtkSmartPointer<vtkPolyData>::New();
  vtkNew<vtkPoints> points;
  points->SetDataType(leaf->GetPoints()->GetDataType());
  points->SetNumberOfPoints(n_chosen);
  leaf->GetPoints()->GetPoints(ids, points);
  chosen->SetPoints(points);
  chosen->GetPointData()->CopyAllOn();
  chosen->GetPointData()->CopyAllocate(leaf->GetPointData(), n_chosen);
  chosen->GetPointData()->SetNumberOfTuples(n_chosen);
  vtkNew<vtkIdList> places;
  places->SetNumberOfIds(n_chosen);
  std::iota(places->GetPointer(0), places->GetPointer(0) + n_chosen, 0);
  chosen->GetPointData()->CopyData(leaf->GetPointData(), ids, places);
  chosen->GetFieldData()->ShallowCopy(leaf->GetFieldData());
  return chosen;
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkCompositeDataSet> OpaqueGaussianBlocks::Thinned(vtkCompositeDataSet* blocks, vtkIdType step)
{
  return Changed(blocks, [step](vtkPolyData* leaf) {
    auto thinned = Chosen(leaf, OneOfEvery(step, leaf->GetNumberOfPoints()));
    thinned->SetVerts(MakeVertices(thinned->GetNumberOfPoints()));
    return thinned;
  });
}

//----------------------------------------------------------------------------
bool OpaqueGaussianBlocks::ShareCells(vtkCompositeDataSet* one, vtkCompositeDataSet* other)
{
  auto left = vtk::TakeSmartPointer(one->NewIterator());
  auto right = vtk::TakeSmartPointer(other->NewIterator());
  left->InitTraversal();
  right->InitTraversal();
  while (!left->IsDoneWithTraversal() && !right->IsDoneWithTraversal())
  {
    auto* mine = vtkPolyData::SafeDownCast(left->GetCurrentDataObject());
    auto* theirs = vtkPolyData::SafeDownCast(right->GetCurrentDataObject());
    if (!mine || !theirs || mine->GetVerts() != theirs->GetVerts())
    {
      return false;
    }
    left->GoToNextItem();
    right->GoToNextItem();
  }
  return left->IsDoneWithTraversal() && right->IsDoneWithTraversal();
}
