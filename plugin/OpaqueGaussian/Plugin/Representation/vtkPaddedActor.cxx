#include "vtkPaddedActor.h"

#include "vtkBoundingBox.h"
#include "vtkMath.h"
#include "vtkMatrix4x4.h"
#include "vtkNew.h"
#include "vtkObjectFactory.h"

#include <algorithm>

vtkStandardNewMacro(vtkPaddedActor);

//----------------------------------------------------------------------------
void vtkPaddedActor::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "Padding: " << this->Padding << endl;
  os << indent << "Drawn: " << this->Drawn << endl;
}

//----------------------------------------------------------------------------
int vtkPaddedActor::RenderOpaqueGeometry(vtkViewport* viewport)
{
  return this->Drawn ? this->Superclass::RenderOpaqueGeometry(viewport) : 0;
}

//----------------------------------------------------------------------------
int vtkPaddedActor::RenderTranslucentPolygonalGeometry(vtkViewport* viewport)
{
  return this->Drawn ? this->Superclass::RenderTranslucentPolygonalGeometry(viewport) : 0;
}

//----------------------------------------------------------------------------
vtkTypeBool vtkPaddedActor::HasTranslucentPolygonalGeometry()
{
  return this->Drawn ? this->Superclass::HasTranslucentPolygonalGeometry() : 0;
}

//----------------------------------------------------------------------------
void vtkPaddedActor::SetPointBounds(const double bounds[6])
{
  std::copy_n(bounds, 6, this->PointBounds);
}

//----------------------------------------------------------------------------
double* vtkPaddedActor::GetBounds()
{
  vtkBoundingBox box;
  if (this->Drawn && vtkMath::AreBoundsInitialized(this->PointBounds))
  {
    vtkNew<vtkMatrix4x4> matrix;
    this->GetMatrix(matrix);
    for (int corner = 0; corner < 8; ++corner)
    {
      const double* b = this->PointBounds;
      const double inside[4] = { b[corner & 1], b[2 + (corner >> 1 & 1)], b[4 + (corner >> 2)], 1.0 };
      double moved[4];
      matrix->MultiplyPoint(inside, moved);
      box.AddPoint(moved);
    }
    box.Inflate(this->Padding);
  }
  box.GetBounds(this->PaddedBounds);
  return this->PaddedBounds;
}
