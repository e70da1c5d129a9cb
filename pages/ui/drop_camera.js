// Photos from a camera, into a zone for dropped files: one for each click, several a second while the button is held.

const EVERY_MS = 200;
const QUALITY = 0.92; // of a JPEG: nothing of what it loses can be seen
const NO_CAMERA = {
  NotAllowedError: "The browser was not allowed to use the camera. Allow it beside the address, then try again.",
  NotFoundError: "There is no camera on this computer. Connect one, or drop photos instead.",
  NotReadableError: "The camera is in use by another program. Close that, then try again.",
};

async function openCamera(zone) {
  if (zone.stream || zone.isOpening) return;
  zone.refusals.clear();
  zone.isOpening = true;
  try {
    if (!navigator.mediaDevices) throw new Error("Browsers allow that on this computer or by https.");
    const video = { width: { ideal: 640 }, height: { ideal: 480 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    zone.stream = stream;
    if (!zone.parent) return closeCamera(zone); // the page has gone on while the browser asked
    await showCamera(zone);
  } catch (problem) {
    closeCamera(zone);
    refuse(zone, NO_CAMERA[problem.name] ?? `The camera cannot be used. ${problem.message}`);
  } finally {
    zone.isOpening = false;
    show(zone);
  }
}

async function showCamera(zone) {
  const video = element("video", "video");
  Object.assign(video, { muted: true, playsInline: true, srcObject: zone.stream });
  video.setAttribute("aria-label", "What the camera sees");
  const [track] = zone.stream.getVideoTracks();
  // A person before the screen knows the mirror's view; one who points a phone at something does not.
  video.classList.toggle("drop-zone-mirrored", track.getSettings().facingMode !== "environment");
  track.addEventListener("ended", () => closeCamera(zone));
  const [buttons, capture, close] = [
    element("div", "buttons"),
    element("button", "button", "Capture"),
    element("button", "button", "Close the camera"),
  ];
  capture.classList.add("drop-zone-primary");
  capture.title = "Hold for several photos a second";
  close.addEventListener("click", () => {
    closeCamera(zone);
    zone.photos.focus();
  });
  zone.taken = element("span", "taken", "Hold for several a second");
  zone.numTaken = 0;
  watchCapture(zone, video, capture);
  buttons.append(capture, close, zone.taken);
  zone.camera.replaceChildren(video, buttons);
  zone.photos.disabled = true;
  await video.play();
  capture.focus();
}

function watchCapture(zone, video, capture) {
  const release = () => {
    clearInterval(zone.burst);
    zone.burst = null;
  };
  const hold = () => {
    release();
    takePhoto(zone, video);
    zone.burst = setInterval(() => takePhoto(zone, video), EVERY_MS);
  };
  capture.addEventListener("pointerdown", (event) => event.button === 0 && hold());
  for (const name of ["pointerup", "pointerleave", "pointercancel", "blur"]) capture.addEventListener(name, release);
  capture.addEventListener("contextmenu", (event) => event.preventDefault()); // as a held finger asks for it
  // A click without a pointer is one by a key or a screen reader.
  capture.addEventListener("click", (event) => event.detail === 0 && takePhoto(zone, video));
}

function takePhoto(zone, video) {
  if (!video.videoWidth) return;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  zone.numTaken += 1;
  zone.numPhotos = Math.max(zone.numPhotos ?? 0, zone.data.num_files) + 1; // none has the name of an earlier one
  const name = `photo-${String(zone.numPhotos).padStart(4, "0")}.jpg`;
  zone.taken.textContent = `${count(zone.numTaken, "photo")} taken`;
  const keep = (photo) => photo && add(zone, [[name, new File([photo], name, { type: "image/jpeg" })]]);
  canvas.toBlob(keep, "image/jpeg", QUALITY);
}

function closeCamera(zone) {
  clearInterval(zone.burst);
  zone.stream?.getTracks().forEach((track) => track.stop());
  zone.stream = null;
  zone.camera.replaceChildren();
  zone.photos.disabled = false;
}
