/**
 * @class vtkOpaqueGaussianRepresentation
 * @brief Point Gaussian that leaves opaque points on the rank that holds them.
 *
 * vtkPointGaussianRepresentation always asks the view for ordered compositing. On several ranks that makes the view cut
 * space into one box a rank and send every point to the rank that owns its box, at each change of the data: 4 million
 * points on 2 ranks take 40 s before the first picture. Only translucent points need it. Opaque ones are composited
 * rightly by their depths, pixel by pixel, wherever they are.
 *
 * This class asks for ordered compositing only when something in it can be seen through: an opacity below 1, an opacity
 * array, emission, a shader preset with soft edges, a colour map with opacities, or colours taken from the data as they
 * are. The answer follows from properties alone, which are the same on every rank, and never from a rank's own data: ranks
 * that disagreed would wait for each other for ever.
 *
 * Its bounds include the radius of what is drawn round the points (vtkPaddedActor says why), so that Reset Camera frames
 * whole spheres, by a radius wider than for Point Gaussian.
 */
#ifndef vtkOpaqueGaussianRepresentation_h
#define vtkOpaqueGaussianRepresentation_h

#include "OpaqueGaussianRepresentationModule.h" // for the export macro
#include "vtkPointGaussianRepresentation.h"

class vtkPaddedActor;

class OPAQUEGAUSSIANREPRESENTATION_EXPORT vtkOpaqueGaussianRepresentation : public vtkPointGaussianRepresentation
{
public:
  static vtkOpaqueGaussianRepresentation* New();
  vtkTypeMacro(vtkOpaqueGaussianRepresentation, vtkPointGaussianRepresentation);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  int ProcessViewRequest(
    vtkInformationRequestKey* request, vtkInformation* inInfo, vtkInformation* outInfo) override;

  /**
   * Whether nothing that is drawn can be seen through, judged by the properties alone.
   */
  bool IsOpaque();

protected:
  vtkOpaqueGaussianRepresentation();
  ~vtkOpaqueGaussianRepresentation() override;

  /**
   * Takes the points and their arrays as they are where the input has them, and no copy of them as the superclass does.
   */
  int RequestData(vtkInformation*, vtkInformationVector**, vtkInformationVector*) override;

private:
  vtkOpaqueGaussianRepresentation(const vtkOpaqueGaussianRepresentation&) = delete;
  void operator=(const vtkOpaqueGaussianRepresentation&) = delete;

  bool HasOpaqueShader() const;
  bool HasOpaqueColors();

  /**
   * Whether points are composited in order is settled when the view updates, and a change of the colour map alone does not
   * make it (5.11 and 5.13, for every representation): a picture that is then wrong is at least not silently so.
   */
  void WarnIfNoLongerOpaque();

  /**
   * Tell the view how far what is drawn reaches, which its camera and its clipping planes follow.
   */
  void ReportBounds(vtkInformation* inInfo);

  /**
   * Radius of the largest thing drawn round a point, in world units: 0 if they are drawn as pixels.
   */
  double GetLargestRadius(vtkDataObject* data);
  double GetLargestScale(vtkDataObject* data);
  double GetLargestArrayValue(vtkDataObject* data);

  vtkSmartPointer<vtkPaddedActor> PaddedActor;
  bool ToldOpaque = false;
};

#endif
