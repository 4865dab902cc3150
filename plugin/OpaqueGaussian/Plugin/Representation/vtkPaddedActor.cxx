#include "vtkPaddedActor.h"

#include "vtkBoundingBox.h"
#include "vtkMath.h"
#include "vtkObjectFactory.h"

vtkStandardNewMacro(vtkPaddedActor);

//----------------------------------------------------------------------------
void vtkPaddedActor::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "Padding: " << this->Padding << endl;
}

//----------------------------------------------------------------------------
double* vtkPaddedActor::GetBounds()
{
  double* bounds = this->Superclass::GetBounds();
  if (!bounds || !vtkMath::AreBoundsInitialized(bounds))
  {
    return bounds; // no points on this rank
  }
  vtkBoundingBox box(bounds);
  box.Inflate(this->Padding);
  box.GetBounds(this->PaddedBounds);
  return this->PaddedBounds;
}
