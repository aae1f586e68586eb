"use strict";
/**
 * Paints the spikes of large rasters as pixels of a canvas over the plot, again whenever its axes have moved.
 *
 * 100,000 spikes take a few milliseconds, without graphics hardware as well. The traces themselves keep all points, for
 * the text of the spike under the pointer, but are told to draw one of them.
 */
function paintSpikes(place, traces, unpacked) {
  const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
  canvas.className = "spikes";
  const points = traces.map((trace) => trace.painted && [unpacked(trace.x), unpacked(trace.y)]);
  let image;

  /** A colour as the number of a pixel. */
  const pixel = (hex) => {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return new Uint32Array(new Uint8Array([r, g, b, 255]).buffer)[0];
  };

  function paint() {
    const { xaxis, yaxis } = place._fullLayout, ratio = window.devicePixelRatio || 1;
    const before = place.querySelector(".gl-container");
    if (canvas.parentElement !== before.parentElement) before.after(canvas);
    const width = Math.max(1, Math.round(xaxis._length * ratio)), height = Math.max(1, Math.round(yaxis._length * ratio));
    if (!image || canvas.width !== width || canvas.height !== height) {
      [canvas.width, canvas.height] = [width, height];
      image = context.createImageData(width, height);
    }
    for (const [side, length] of [["left", xaxis._offset], ["top", yaxis._offset], ["width", xaxis._length], ["height", yaxis._length]]) {
      canvas.style[side] = `${length}px`;
    }
    const pixels = new Uint32Array(image.data.buffer).fill(0);
    const [left, right] = xaxis.range, [low, high] = yaxis.range;
    const across = width / (right - left), down = height / (high - low);
    for (const [index, found] of points.entries()) {
      const trace = place._fullData.find((each) => each.index === index);
      if (!found || !trace || trace.visible !== true) continue;
      const [x, y] = found, colour = pixel(trace.marker.color), size = Math.max(1, Math.round(trace.marker.size * ratio));
      const back = (size - 1) / 2;
      for (let k = 0; k < x.length; k++) {
        const column = Math.round((x[k] - left) * across - back), row = Math.round((high - y[k]) * down - back);
        if (column <= -size || column >= width || row <= -size || row >= height) continue;
        const lastColumn = Math.min(width, column + size), lastRow = Math.min(height, row + size);
        for (let r = Math.max(0, row); r < lastRow; r++) {
          for (let c = Math.max(0, column); c < lastColumn; c++) pixels[r * width + c] = colour;
        }
      }
    }
    context.putImageData(image, 0, 0);
  }

  place.on("plotly_afterplot", paint);
  place.on("plotly_relayouting", paint);
  place.spikes = canvas;
  paint();
}

/** A plot for a picture of it: the painted spikes are an image in it. */
function pictured(place) {
  if (!place.spikes) return place;
  const { xaxis, yaxis } = place._fullLayout;
  const image = { source: place.spikes.toDataURL(), xref: "paper", yref: "y domain", x: 0, y: 1, sizex: 1, sizey: 1,
    xanchor: "left", yanchor: "top", sizing: "stretch", layer: "above" };
  const { width, height } = place._fullLayout;
  const axes = { xaxis: { ...place.layout.xaxis, range: [...xaxis.range] }, yaxis: { ...place.layout.yaxis, range: [...yaxis.range] } };
  return { data: place.data, layout: { ...place.layout, ...axes, width, height, images: [image] } };
}
