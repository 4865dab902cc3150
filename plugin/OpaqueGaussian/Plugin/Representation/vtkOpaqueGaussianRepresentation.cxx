#include "vtkOpaqueGaussianRepresentation.h"

#include "vtkBoundingBox.h"
#include "vtkCellArray.h"
#include "vtkColorTransferFunction.h"
#include "vtkCompositeDataIterator.h"
#include "vtkCompositeDataSet.h"
#include "vtkDataArray.h"
#include "vtkDataSet.h"
#include "vtkFieldData.h"
#include "vtkIdTypeArray.h"
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

#include <algorithm>
#include <numeric>

vtkStandardNewMacro(vtkOpaqueGaussianRepresentation);

namespace
{
/**
 * One vertex cell a point: what is moved between ranks when this or another representation of the view is translucent are
 * cells, and points that no cell uses would be lost.
 */
vtkSmartPointer<vtkCellArray> OneVertexAPoint(vtkIdType n_points)
{
  vtkNew<vtkIdTypeArray> offsets;
  vtkNew<vtkIdTypeArray> points;
  offsets->SetNumberOfValues(n_points + 1);
  points->SetNumberOfValues(n_points);
  std::iota(offsets->GetPointer(0), offsets->GetPointer(0) + n_points + 1, 0);
  std::iota(points->GetPointer(0), points->GetPointer(0) + n_points, 0);
  auto cells = vtkSmartPointer<vtkCellArray>::New();
  cells->SetData(offsets, points);
  return cells;
}
}

//----------------------------------------------------------------------------
vtkOpaqueGaussianRepresentation::vtkOpaqueGaussianRepresentation()
  : PaddedActor(vtkSmartPointer<vtkPaddedActor>::New())
{
  this->PaddedActor->SetMapper(this->Mapper);
  this->Actor = this->PaddedActor;
}

//----------------------------------------------------------------------------
vtkOpaqueGaussianRepresentation::~vtkOpaqueGaussianRepresentation() = default;

//----------------------------------------------------------------------------
void vtkOpaqueGaussianRepresentation::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "IsOpaque: " << this->IsOpaque() << endl;
}

//----------------------------------------------------------------------------
int vtkOpaqueGaussianRepresentation::RequestData(
  vtkInformation* request, vtkInformationVector** inputVector, vtkInformationVector* outputVector)
{
  auto* input = vtkPointSet::GetData(inputVector[0], 0);
  if (!input || !input->GetPoints())
  {
    return this->Superclass::RequestData(request, inputVector, outputVector); // blocks, or a grid without points of its own
  }
  vtkNew<vtkPolyData> points;
  points->SetPoints(input->GetPoints());
  points->GetPointData()->ShallowCopy(input->GetPointData());
  points->GetFieldData()->ShallowCopy(input->GetFieldData());
  points->SetVerts(OneVertexAPoint(input->GetNumberOfPoints()));
  vtkNew<vtkMultiBlockDataSet> blocks;
  blocks->SetBlock(0, points);
  this->ProcessedData = blocks;
  // Past the superclass, which would copy every array.
  return this->vtkPVDataRepresentation::RequestData(request, inputVector, outputVector);
}

//----------------------------------------------------------------------------
int vtkOpaqueGaussianRepresentation::ProcessViewRequest(
  vtkInformationRequestKey* request, vtkInformation* inInfo, vtkInformation* outInfo)
{
  if (!this->Superclass::ProcessViewRequest(request, inInfo, outInfo))
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
  else if (request == vtkPVView::REQUEST_RENDER())
  {
    this->WarnIfNoLongerOpaque();
    this->PaddedActor->SetPadding(this->GetLargestRadius(vtkPVView::GetDeliveredPiece(inInfo, this)));
  }
  return 1;
}

//----------------------------------------------------------------------------
void vtkOpaqueGaussianRepresentation::ReportBounds(vtkInformation* inInfo)
{
  auto* composite = vtkCompositeDataSet::SafeDownCast(this->ProcessedData);
  double bounds[6];
  vtkMath::UninitializeBounds(bounds);
  if (composite)
  {
    composite->GetBounds(bounds);
  }
  if (!vtkMath::AreBoundsInitialized(bounds))
  {
    return; // no points on this rank; the superclass has said so
  }
  vtkBoundingBox box(bounds);
  box.Inflate(this->GetLargestRadius(composite));
  box.GetBounds(bounds);
  vtkNew<vtkMatrix4x4> matrix;
  this->Actor->GetMatrix(matrix);
  vtkPVRenderView::SetGeometryBounds(inInfo, this, bounds, matrix);
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
