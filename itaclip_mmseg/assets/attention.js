// Run by Gradio for the maps of `apis/page_attention.py`: the slider shows a layer and the sentence of what is seen.

element.addEventListener('input', (event) => {
    const layer = Number(event.target.value)
    element.querySelector('output').textContent = layer
    element.querySelector('.sentence').textContent = JSON.parse(event.target.dataset.sentences)[layer - 1]
    for (const map of element.querySelectorAll('.map'))
        map.querySelectorAll('.layer').forEach((picture, index) => { picture.hidden = index !== layer - 1 })
})
