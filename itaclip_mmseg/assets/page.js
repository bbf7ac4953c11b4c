// Run by Gradio when the pictures of `apis/page_view.py` are there; `element` and `trigger` are Gradio's.
// A pointer over a picture is told the class there; a click sends the pixel to Python.

function pixelAt(event) {
    const picture = event.target
    if (!picture.matches?.('figure img')) return null
    const scale = picture.naturalWidth / picture.clientWidth
    const clip = (value, length) => Math.max(0, Math.min(length - 1, Math.floor(value * scale)))
    return { picture, x: clip(event.offsetX, picture.naturalWidth), y: clip(event.offsetY, picture.naturalHeight) }
}

function contextOf(labels) {
    if (!labels.context) {
        const canvas = document.createElement('canvas')
        canvas.width = labels.naturalWidth
        canvas.height = labels.naturalHeight
        labels.context = canvas.getContext('2d', { willReadFrequently: true })
        labels.context.drawImage(labels, 0, 0)
    }
    return labels.context
}

function nameAt({ picture, x, y }) {
    const [red, green] = contextOf(picture.nextElementSibling).getImageData(x, y, 1, 1).data
    return JSON.parse(picture.parentElement.dataset.names)[red + 256 * green]
}

element.addEventListener('pointermove', (event) => {
    const tip = element.querySelector('.tip'), at = pixelAt(event)
    if (!tip) return
    tip.hidden = !at
    if (at) {
        tip.textContent = nameAt(at)
        tip.style.left = `${event.clientX + 14}px`
        tip.style.top = `${event.clientY + 14}px`
    }
})
element.addEventListener('pointerleave', () => element.querySelector('.tip')?.setAttribute('hidden', ''))
element.addEventListener('click', (event) => {
    const at = pixelAt(event)
    if (at) trigger('click', { x: at.x, y: at.y })
})
