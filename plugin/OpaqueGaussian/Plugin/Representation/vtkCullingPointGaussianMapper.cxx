#include "vtkCullingPointGaussianMapper.h"

#include "DiscOcclusion.h"
#include "OpaqueGaussianBlocks.h"
#include "vtkActor.h"
#include "vtkCamera.h"
#include "vtkCompositeDataIterator.h"
#include "vtkCompositeDataSet.h"
#include "vtkDoubleArray.h"
#include "vtkFloatArray.h"
#include "vtkIdList.h"
#include "vtkMatrix4x4.h"
#include "vtkNew.h"
#include "vtkObjectFactory.h"
#include "vtkOpenGLRenderWindow.h"
#include "vtkOpenGLState.h"
#include "vtkPointData.h"
#include "vtkPoints.h"
#include "vtkPolyData.h"
#include "vtkRenderer.h"

#include <map>
#include <string>

vtkStandardNewMacro(vtkCullingPointGaussianMapper);

namespace
{
const vtkIdType FEW_POINTS = 20000; // drawn at once, without a look at what is hidden

//----------------------------------------------------------------------------
bool IsDrawnByProcessor(vtkRenderer* renderer)
{
  auto* window = vtkOpenGLRenderWindow::SafeDownCast(renderer->GetRenderWindow());
  const std::string name = window ? window->GetState()->GetRenderer() : "";
  return name.find("llvmpipe") != std::string::npos || name.find("softpipe") != std::string::npos;
}

//----------------------------------------------------------------------------
template <typename Call>
void ForEachLeaf(vtkCompositeDataSet* blocks, Call call)
{
  auto leaves = vtk::TakeSmartPointer(blocks->NewIterator());
  for (leaves->InitTraversal(); !leaves->IsDoneWithTraversal(); leaves->GoToNextItem())
  {
    call(vtkPolyData::SafeDownCast(leaves->GetCurrentDataObject()));
  }
}

//----------------------------------------------------------------------------
bool IsBare(vtkCompositeDataSet* blocks)
{
  bool is_bare = true;
  ForEachLeaf(blocks, [&](vtkPolyData* leaf) {
    vtkDataArray* centers = leaf && leaf->GetPoints() ? leaf->GetPoints()->GetData() : nullptr;
    is_bare = is_bare && (vtkFloatArray::SafeDownCast(centers) || vtkDoubleArray::SafeDownCast(centers)) &&
      leaf->GetNumberOfCells() == 0 && !leaf->GetPointGhostArray();
  });
  return is_bare;
}

//----------------------------------------------------------------------------
template <typename Call>
void WithCenters(vtkPolyData* leaf, Call call)
{
  vtkDataArray* centers = leaf->GetPoints()->GetData();
  if (auto* singles = vtkFloatArray::SafeDownCast(centers))
  {
    call(singles->GetPointer(0), leaf->GetNumberOfPoints());
  }
  else
  {
    call(vtkDoubleArray::SafeDownCast(centers)->GetPointer(0), leaf->GetNumberOfPoints());
  }
}
}

//----------------------------------------------------------------------------
vtkCullingPointGaussianMapper::vtkCullingPointGaussianMapper()
  : VisibleMapper(vtkSmartPointer<vtkPointGaussianMapper>::New())
{
}

//----------------------------------------------------------------------------
vtkCullingPointGaussianMapper::~vtkCullingPointGaussianMapper() = default;

//----------------------------------------------------------------------------
void vtkCullingPointGaussianMapper::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "Culling: " << this->Culling << endl;
  os << indent << "DrawsOpaqueDiscs: " << this->DrawsOpaqueDiscs << endl;
  os << indent << "NumberOfDrawnPoints: " << this->NumberOfDrawnPoints << endl;
}

//----------------------------------------------------------------------------
void vtkCullingPointGaussianMapper::CopyLookTo(vtkPointGaussianMapper* other)
{
  other->SetScalarVisibility(this->GetScalarVisibility());
  other->SelectColorArray(this->GetArrayName());
  other->SetScalarMode(this->GetScalarMode());
  other->SetColorMode(this->GetColorMode());
  other->SetLookupTable(this->GetLookupTable());
  other->SetUseLookupTableScalarRange(this->GetUseLookupTableScalarRange());
  other->SetScalarRange(this->GetScalarRange());
  other->SetScaleFactor(this->GetScaleFactor());
  other->SetScaleFunction(this->GetScaleFunction());
  other->SetScaleArray(this->GetScaleArray());
  other->SetScaleArrayComponent(this->GetScaleArrayComponent());
  other->SetScalarOpacityFunction(this->GetScalarOpacityFunction());
  other->SetOpacityArray(this->GetOpacityArray());
  other->SetOpacityArrayComponent(this->GetOpacityArrayComponent());
  other->SetEmissive(this->GetEmissive());
  other->SetSplatShaderCode(this->GetSplatShaderCode());
  other->SetTriangleScale(this->GetTriangleScale());
}

//----------------------------------------------------------------------------
void vtkCullingPointGaussianMapper::Render(vtkRenderer* renderer, vtkActor* actor)
{
  auto* points = vtkCompositeDataSet::SafeDownCast(this->GetInputDataObject(0, 0));
  vtkMatrix4x4* projection =
    renderer->GetActiveCamera()->GetProjectionTransformMatrix(renderer->GetTiledAspectRatio(), -1, 1);
  if (this->Culls(renderer, projection, points))
  {
    this->FindVisible(renderer, actor, projection, points);
    this->CopyLookTo(this->VisibleMapper);
    this->VisibleMapper->Render(renderer, actor);
    return;
  }
  this->NumberOfDrawnPoints = points ? points->GetNumberOfPoints() : 0;
  this->Superclass::Render(renderer, actor);
}

//----------------------------------------------------------------------------
bool vtkCullingPointGaussianMapper::Culls(vtkRenderer* renderer, vtkMatrix4x4* projection, vtkCompositeDataSet* points)
{
  const bool wanted =
    this->Culling == ALWAYS || (this->Culling == WHERE_THE_PROCESSOR_DRAWS && IsDrawnByProcessor(renderer));
  return wanted && this->DrawsOpaqueDiscs && !this->ScaleArray && this->ScaleFactor > 0.0 &&
    this->HasSimpleScalars() &&
    !this->GetNumberOfClippingPlanes() && !renderer->GetSelector() && points &&
    (this->Culling == ALWAYS || points->GetNumberOfPoints() > FEW_POINTS) &&
    renderer->GetRenderWindow()->GetMultiSamples() <= 1 && DiscOcclusion::IsFeasible(projection) && IsBare(points);
}

//----------------------------------------------------------------------------
bool vtkCullingPointGaussianMapper::HasSimpleScalars()
{
  return !this->ScalarVisibility || this->ScalarMode == VTK_SCALAR_MODE_DEFAULT ||
    (this->ScalarMode == VTK_SCALAR_MODE_USE_POINT_FIELD_DATA && this->ArrayAccessMode == VTK_GET_ARRAY_BY_NAME);
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkPolyData> vtkCullingPointGaussianMapper::WhatIsDrawn(vtkPolyData* leaf)
{
  auto needed = vtkSmartPointer<vtkPolyData>::New();
  needed->SetPoints(leaf->GetPoints());
  int is_of_cells = 0;
  vtkAbstractArray* scalars = this->ScalarVisibility
    ? vtkAbstractMapper::GetAbstractScalars(
        leaf, this->ScalarMode, this->ArrayAccessMode, this->ArrayId, this->ArrayName, is_of_cells)
    : nullptr;
  if (scalars)
  {
    needed->GetPointData()->SetActiveAttribute(needed->GetPointData()->AddArray(scalars), vtkDataSetAttributes::SCALARS);
  }
  return needed;
}

//----------------------------------------------------------------------------
void vtkCullingPointGaussianMapper::FindVisible(
  vtkRenderer* renderer, vtkActor* actor, vtkMatrix4x4* projection, vtkCompositeDataSet* points)
{
  int size[2], origin[2];
  renderer->GetTiledSizeAndOrigin(&size[0], &size[1], &origin[0], &origin[1]); // as vtkOpenGLCamera sets the viewport
  vtkNew<vtkMatrix4x4> to_camera;
  vtkMatrix4x4::Multiply4x4(renderer->GetActiveCamera()->GetModelViewTransformMatrix(), actor->GetMatrix(), to_camera);
  std::vector<double> seen(to_camera->GetData(), to_camera->GetData() + 16);
  seen.insert(seen.end(), projection->GetData(), projection->GetData() + 16);
  seen.insert(seen.end(), { this->ScaleFactor, double(size[0]), double(size[1]), double(points->GetMTime()),
    double(this->GetMTime()) }); // this: which array gives the colours
  auto* drawn = vtkCompositeDataSet::SafeDownCast(this->VisibleMapper->GetInputDataObject(0, 0));
  if (drawn && seen == this->LastSeen)
  {
    return;
  }
  this->LastSeen = seen;
  double bounds[6];
  points->GetBounds(bounds);
  DiscOcclusion occlusion(to_camera, projection, bounds, this->ScaleFactor, size);
  std::map<vtkPolyData*, vtkSmartPointer<vtkIdList>> candidates;
  ForEachLeaf(points, [&](vtkPolyData* leaf) {
    WithCenters(leaf, [&](const auto* centers, vtkIdType n_points) { candidates[leaf] = occlusion.Add(centers, n_points); });
  });
  auto visible = OpaqueGaussianBlocks::Changed(points, [&](vtkPolyData* leaf) {
    vtkSmartPointer<vtkIdList> ids;
    WithCenters(leaf, [&](const auto* centers, vtkIdType) { ids = occlusion.FindVisible(centers, candidates[leaf]); });
    return OpaqueGaussianBlocks::Chosen(this->WhatIsDrawn(leaf), ids);
  });
  this->NumberOfDrawnPoints = visible->GetNumberOfPoints();
  this->VisibleMapper->SetInputDataObject(visible);
}

//----------------------------------------------------------------------------
void vtkCullingPointGaussianMapper::ReleaseGraphicsResources(vtkWindow* window)
{
  this->VisibleMapper->ReleaseGraphicsResources(window);
  this->Superclass::ReleaseGraphicsResources(window);
}
