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
 * While the camera moves, and the view has its level of detail on, it draws a share of the points: 10^(3 + 4 r) a rank, for
 * the view's LODResolution r from 0 to 1, with radii larger by the mean distance between points.
 *
 * Where the processor draws, points that cannot be seen are left out of a picture, which stays the same
 * (vtkCullingPointGaussianMapper).
 *
 * Its bounds include the radius of what is drawn round the points (vtkPaddedActor says why), so that Reset Camera frames
 * whole spheres, by a radius wider than for Point Gaussian.
 */
#ifndef vtkOpaqueGaussianRepresentation_h
#define vtkOpaqueGaussianRepresentation_h

#include "OpaqueGaussianRepresentationModule.h" // for the export macro
#include "vtkPointGaussianRepresentation.h"

class vtkCompositeDataSet;
class vtkCullingPointGaussianMapper;
class vtkPaddedActor;

class OPAQUEGAUSSIANREPRESENTATION_EXPORT vtkOpaqueGaussianRepresentation : public vtkPointGaussianRepresentation
{
public:
  static vtkOpaqueGaussianRepresentation* New();
  vtkTypeMacro(vtkOpaqueGaussianRepresentation, vtkPointGaussianRepresentation);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  int ProcessViewRequest(
    vtkInformationRequestKey* request, vtkInformation* inInfo, vtkInformation* outInfo) override;

  void SetVisibility(bool visible) override;

  /**
   * Whether nothing that is drawn can be seen through, judged by the properties alone.
   */
  bool IsOpaque();

  /**
   * When points that cannot be seen are left out: vtkCullingPointGaussianMapper::CullingMode.
   */
  void SetCulling(int mode);

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

  bool AddToView(vtkView* view) override;
  bool RemoveFromView(vtkView* view) override;

  /**
   * Give the view fewer points to draw while the camera moves.
   */
  void ProvideLOD(vtkInformation* inInfo);

  /**
   * Draw what the view has delivered, all of it or its level of detail.
   */
  void Draw(vtkInformation* inInfo);
  void DrawAll(vtkCompositeDataSet* delivered);
  void DrawLOD(vtkCompositeDataSet* delivered);

  bool HasOpaqueShader() const;
  bool DrawsDiscs() const;
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

  vtkSmartPointer<vtkCullingPointGaussianMapper> CullingMapper;
  vtkSmartPointer<vtkPaddedActor> PaddedActor;
  vtkSmartPointer<vtkPaddedActor> LODActor;
  vtkSmartPointer<vtkPointGaussianMapper> LODMapper;
  vtkSmartPointer<vtkCompositeDataSet> BarePoints; ///< ProcessedData without its cells, if it is ours
  vtkIdType LODStep = 1;                           ///< one of so many points is drawn while the camera moves
  bool ToldOpaque = false;
};

#endif
