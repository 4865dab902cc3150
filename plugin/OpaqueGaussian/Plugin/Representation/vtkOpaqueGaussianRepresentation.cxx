#include "vtkOpaqueGaussianRepresentation.h"

#include "OpaqueGaussianBlocks.h"
#include "vtkBoundingBox.h"
#include "vtkColorTransferFunction.h"
#include "vtkCompositeDataIterator.h"
#include "vtkCompositeDataSet.h"
#include "vtkCullingPointGaussianMapper.h"
#include "vtkDataArray.h"
#include "vtkDataSet.h"
#include "vtkInformation.h"
#include "vtkMath.h"
#include "vtkMatrix4x4.h"
#include "vtkMultiBlockDataSet.h"
#include "vtkNew.h"
#include "vtkObjectFactory.h"
#include "vtkPVRenderView.h"
#include "vtkPaddedActor.h"
#include "vtkPiecewiseFunction.h"
#include "vtkPointData.h"
#include "vtkPointGaussianMapper.h"
#include "vtkPointSet.h"
#include "vtkPolyData.h"
#include "vtkProcessModule.h"
#include "vtkProperty.h"
#include "vtkRenderer.h"

#include <algorithm>
#include <array>
#include <cmath>

vtkStandardNewMacro(vtkOpaqueGaussianRepresentation);

namespace
{
using Bounds = std::array<double, 6>;

Bounds BoundsOf(vtkCompositeDataSet* blocks)
{
  Bounds bounds;
  vtkMath::UninitializeBounds(bounds.data());
  if (blocks)
  {
    blocks->GetBounds(bounds.data());
  }
  return bounds;
}
}

//----------------------------------------------------------------------------
vtkOpaqueGaussianRepresentation::vtkOpaqueGaussianRepresentation()
  : CullingMapper(vtkSmartPointer<vtkCullingPointGaussianMapper>::New())
  , PaddedActor(vtkSmartPointer<vtkPaddedActor>::New())
  , LODActor(vtkSmartPointer<vtkPaddedActor>::New())
  , LODMapper(vtkSmartPointer<vtkPointGaussianMapper>::New())
{
  this->Mapper = this->CullingMapper;
  this->PaddedActor->SetMapper(this->Mapper);
  this->Actor = this->PaddedActor;
  this->LODActor->SetMapper(this->LODMapper);
  this->LODActor->SetProperty(this->Actor->GetProperty());
  this->LODActor->SetPickable(false);
}

//----------------------------------------------------------------------------
vtkOpaqueGaussianRepresentation::~vtkOpaqueGaussianRepresentation() = default;

//----------------------------------------------------------------------------
void vtkOpaqueGaussianRepresentation::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "IsOpaque: " << this->IsOpaque() << endl;
  os << indent << "NumberOfDrawnPoints: " << this->CullingMapper->GetNumberOfDrawnPoints() << endl;
}

//----------------------------------------------------------------------------
int vtkOpaqueGaussianRepresentation::RequestData(
  vtkInformation* request, vtkInformationVector** inputVector, vtkInformationVector* outputVector)
{
  auto* input = vtkPointSet::GetData(inputVector[0], 0);
  this->BarePoints = nullptr;
  if (!input || !input->GetPoints())
  {
    return this->Superclass::RequestData(request, inputVector, outputVector); // blocks, or a grid without points of its own
  }
  vtkNew<vtkMultiBlockDataSet> blocks;
  blocks->SetBlock(0, OpaqueGaussianBlocks::WithVertices(input));
  this->ProcessedData = blocks;
  this->BarePoints = OpaqueGaussianBlocks::WithoutVertices(blocks);
  // Past the superclass, which would copy every array.
  return this->vtkPVDataRepresentation::RequestData(request, inputVector, outputVector);
}

//----------------------------------------------------------------------------
int vtkOpaqueGaussianRepresentation::ProcessViewRequest(
  vtkInformationRequestKey* request, vtkInformation* inInfo, vtkInformation* outInfo)
{
  const bool is_render = request == vtkPVView::REQUEST_RENDER();
  // Past the superclass where it would give its mapper other points than ours: points that change go to the graphics card again.
  if (!(is_render ? this->vtkPVDataRepresentation::ProcessViewRequest(request, inInfo, outInfo)
                  : this->Superclass::ProcessViewRequest(request, inInfo, outInfo)))
  {
    return 0;
  }
  if (request == vtkPVView::REQUEST_UPDATE())
  {
    this->ToldOpaque = this->IsOpaque();
    if (this->ToldOpaque)
    {
      // What the superclass told the view of how to redistribute the data stays: another, translucent, representation in
      // the same view may still ask for it, and then these points have to go along.
      outInfo->Remove(vtkPVRenderView::NEED_ORDERED_COMPOSITING());
    }
    this->ReportBounds(inInfo);
  }
  else if (request == vtkPVView::REQUEST_UPDATE_LOD())
  {
    this->ProvideLOD(inInfo);
  }
  else if (is_render)
  {
    this->WarnIfNoLongerOpaque();
    this->Draw(inInfo);
  }
  return 1;
}

//----------------------------------------------------------------------------
void vtkOpaqueGaussianRepresentation::ProvideLOD(vtkInformation* inInfo)
{
  auto* blocks = vtkCompositeDataSet::SafeDownCast(vtkPVView::GetPiece(inInfo, this));
  if (!blocks)
  {
    return;
  }
  const double resolution =
    inInfo->Has(vtkPVRenderView::LOD_RESOLUTION()) ? inInfo->Get(vtkPVRenderView::LOD_RESOLUTION()) : 0.5;
  const double n_kept = std::pow(10.0, 3.0 + 4.0 * resolution);
  this->LODStep = std::max<vtkIdType>(1, std::llround(std::ceil(blocks->GetNumberOfPoints() / n_kept)));
  // On all ranks, the client's too, whatever they hold: the view delivers it by all of them together.
  vtkPVView::SetPieceLOD(inInfo, this, OpaqueGaussianBlocks::Thinned(blocks, this->LODStep));
}

//----------------------------------------------------------------------------
void vtkOpaqueGaussianRepresentation::Draw(vtkInformation* inInfo)
{
  auto* all = vtkCompositeDataSet::SafeDownCast(vtkPVView::GetDeliveredPiece(inInfo, this));
  auto* lod = vtkCompositeDataSet::SafeDownCast(vtkPVView::GetDeliveredPieceLOD(inInfo, this));
  const bool draws_lod = inInfo->Has(vtkPVRenderView::USE_LOD()) && lod;
  this->PaddedActor->SetDrawn(!draws_lod);
  this->LODActor->SetDrawn(draws_lod);
  this->UpdateColoringParameters();
  if (draws_lod)
  {
    this->DrawLOD(lod);
  }
  else
  {
    this->DrawAll(all);
  }
}

//----------------------------------------------------------------------------
void vtkOpaqueGaussianRepresentation::DrawAll(vtkCompositeDataSet* delivered)
{
  const bool is_as_it_was = delivered && this->BarePoints &&
    OpaqueGaussianBlocks::ShareCells(delivered, vtkCompositeDataSet::SafeDownCast(this->ProcessedData));
  this->Mapper->SetInputDataObject(is_as_it_was ? this->BarePoints.GetPointer() : delivered);
  this->CullingMapper->SetDrawsOpaqueDiscs(this->IsOpaque() && this->DrawsDiscs());
  this->PaddedActor->SetPointBounds(BoundsOf(delivered).data());
  this->PaddedActor->SetPadding(this->GetLargestRadius(delivered));
}

//----------------------------------------------------------------------------
void vtkOpaqueGaussianRepresentation::DrawLOD(vtkCompositeDataSet* delivered)
{
  const double larger = std::cbrt(static_cast<double>(this->LODStep));
  this->LODMapper->SetInputDataObject(delivered);
  this->CullingMapper->CopyLookTo(this->LODMapper);
  this->LODMapper->SetScaleFactor(larger * this->Mapper->GetScaleFactor());
  this->LODActor->SetPosition(this->Actor->GetPosition());
  this->LODActor->SetOrigin(this->Actor->GetOrigin());
  this->LODActor->SetScale(this->Actor->GetScale());
  this->LODActor->SetOrientation(this->Actor->GetOrientation());
  this->LODActor->SetPointBounds(BoundsOf(delivered).data());
  this->LODActor->SetPadding(larger * this->GetLargestRadius(delivered));
}

//----------------------------------------------------------------------------
bool vtkOpaqueGaussianRepresentation::AddToView(vtkView* view)
{
  if (!this->Superclass::AddToView(view))
  {
    return false;
  }
  vtkPVRenderView::SafeDownCast(view)->GetRenderer()->AddActor(this->LODActor);
  return true;
}

//----------------------------------------------------------------------------
bool vtkOpaqueGaussianRepresentation::RemoveFromView(vtkView* view)
{
  if (!this->Superclass::RemoveFromView(view))
  {
    return false;
  }
  vtkPVRenderView::SafeDownCast(view)->GetRenderer()->RemoveActor(this->LODActor);
  return true;
}

//----------------------------------------------------------------------------
void vtkOpaqueGaussianRepresentation::SetVisibility(bool visible)
{
  this->LODActor->SetVisibility(visible);
  this->Superclass::SetVisibility(visible);
}

//----------------------------------------------------------------------------
void vtkOpaqueGaussianRepresentation::ReportBounds(vtkInformation* inInfo)
{
  auto* composite = vtkCompositeDataSet::SafeDownCast(this->ProcessedData);
  Bounds bounds = BoundsOf(composite);
  if (!vtkMath::AreBoundsInitialized(bounds.data()))
  {
    return; // no points on this rank; the superclass has said so
  }
  vtkBoundingBox box(bounds.data());
  box.Inflate(this->GetLargestRadius(composite));
  box.GetBounds(bounds.data());
  vtkNew<vtkMatrix4x4> matrix;
  this->Actor->GetMatrix(matrix);
  vtkPVRenderView::SetGeometryBounds(inInfo, this, bounds.data(), matrix);
}

//----------------------------------------------------------------------------
void vtkOpaqueGaussianRepresentation::SetCulling(int mode)
{
  this->CullingMapper->SetCulling(mode);
}

//----------------------------------------------------------------------------
bool vtkOpaqueGaussianRepresentation::IsOpaque()
{
  return this->Actor->GetProperty()->GetOpacity() >= 1.0 && !this->OpacityByArray && !this->Mapper->GetEmissive() &&
    this->HasOpaqueShader() && this->HasOpaqueColors();
}

//----------------------------------------------------------------------------
void vtkOpaqueGaussianRepresentation::WarnIfNoLongerOpaque()
{
  auto* process = vtkProcessModule::GetProcessModule();
  if (this->ToldOpaque && !this->IsOpaque())
  {
    this->ToldOpaque = false; // say it once
    if (process->GetNumberOfLocalPartitions() > 1 && process->GetPartitionId() == 0)
    {
      vtkWarningMacro("Opaque Gaussian's colour map has become translucent, and ParaView does not update a view when only a "
                      "colour map changes: on several ranks this picture may lack points behind others. Change any "
                      "property of the representation (its opacity, say) and back to have it drawn rightly.");
    }
  }
}

//----------------------------------------------------------------------------
bool vtkOpaqueGaussianRepresentation::HasOpaqueShader() const
{
  switch (this->SelectedPreset)
  {
    case SPHERE:
    case BLACK_EDGED_CIRCLE:
    case PLAIN_CIRCLE:
    case TRIANGLE:
    case SQUARE_OUTLINE:
      return true;
    default: // GAUSSIAN_BLUR fades out; what CUSTOM does nobody knows
      return false;
  }
}

//----------------------------------------------------------------------------
bool vtkOpaqueGaussianRepresentation::DrawsDiscs() const
{
  return this->SelectedPreset == SPHERE || this->SelectedPreset == BLACK_EDGED_CIRCLE ||
    this->SelectedPreset == PLAIN_CIRCLE;
}

//----------------------------------------------------------------------------
bool vtkOpaqueGaussianRepresentation::HasOpaqueColors()
{
  vtkInformation* info = this->GetInputArrayInformation(0);
  const char* name = info && info->Has(vtkDataObject::FIELD_NAME()) ? info->Get(vtkDataObject::FIELD_NAME()) : nullptr;
  if (!name || !name[0])
  {
    return true; // one solid colour
  }
  if (this->Mapper->GetColorMode() == VTK_COLOR_MODE_DIRECT_SCALARS)
  {
    return false; // an alpha channel may hide in the array, on this rank or on another
  }
  vtkScalarsToColors* map = this->Mapper->GetLookupTable();
  auto* function = vtkColorTransferFunction::SafeDownCast(map);
  return map->IsOpaque() && (!function || function->GetNanOpacity() >= 1.0);
}

//----------------------------------------------------------------------------
double vtkOpaqueGaussianRepresentation::GetLargestRadius(vtkDataObject* data)
{
  // A circle fills the triangle's incircle; without one the triangle's far corner is drawn, at twice that distance.
  const bool whole_triangle = this->SelectedPreset == TRIANGLE || this->SelectedPreset == CUSTOM;
  const double reach = this->PresetShaderScales[this->SelectedPreset] * (whole_triangle ? 2.0 : 1.0);
  return std::max(0.0, this->Mapper->GetScaleFactor() * reach * this->GetLargestScale(data));
}

//----------------------------------------------------------------------------
double vtkOpaqueGaussianRepresentation::GetLargestScale(vtkDataObject* data)
{
  if (!this->ScaleByArray || !this->LastScaleArray)
  {
    return 1.0;
  }
  vtkPiecewiseFunction* function = this->Mapper->GetScaleFunction();
  if (!function)
  {
    return this->GetLargestArrayValue(data);
  }
  double largest = 0.0;
  for (int i = 0; i < function->GetSize(); ++i)
  {
    double node[4];
    function->GetNodeValue(i, node);
    largest = std::max(largest, node[1]);
  }
  return largest;
}

//----------------------------------------------------------------------------
double vtkOpaqueGaussianRepresentation::GetLargestArrayValue(vtkDataObject* data)
{
  auto* composite = vtkCompositeDataSet::SafeDownCast(data);
  double largest = 0.0;
  if (!composite)
  {
    return largest;
  }
  auto leaves = vtk::TakeSmartPointer(composite->NewIterator());
  for (leaves->InitTraversal(); !leaves->IsDoneWithTraversal(); leaves->GoToNextItem())
  {
    auto* leaf = vtkDataSet::SafeDownCast(leaves->GetCurrentDataObject());
    vtkDataArray* array = leaf ? leaf->GetPointData()->GetArray(this->LastScaleArray) : nullptr;
    if (array && array->GetNumberOfTuples() > 0)
    {
      const int component = this->Mapper->GetScaleArrayComponent();
      double range[2];
      array->GetFiniteRange(range, component < array->GetNumberOfComponents() ? component : -1); // -1: magnitude
      largest = std::max(largest, range[1]);
    }
  }
  return largest;
}
