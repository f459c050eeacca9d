import phantom.rules as phantom


def on_start(container):
    text = phantom.render_template(
        "{{ name }}: {{ ips | join(', ') }}",
        {
            "name": container["name"],
            "ips": phantom.collect(container, "artifact:*.cef.sourceAddress"),
        },
    )
    assert text == "Reported mail: 198.51.100.7, 192.0.2.4"
