from tests.conftest import Api


async def test_posting_a_path_twice_keeps_one_project_and_merges_its_metadata(api: Api) -> None:
    first = await api.post("/api/projects", json={"path": "/srv/shop/", "metadata": {"a": 1}})
    again = await api.post(
        "/api/projects", json={"path": "/srv/shop", "name": "Shop", "metadata": {"b": 2}}
    )

    assert (first.status_code, again.status_code) == (201, 201)
    project = again.json()["project"]
    assert project["id"] == first.json()["project"]["id"]
    assert (project["path"], project["name"]) == ("/srv/shop", "Shop")
    assert project["metadata"] == {"a": 1, "b": 2}


async def test_bad_input_is_named_field_by_field(api: Api) -> None:
    refused = await api.post("/api/projects", json={"path": "", "name": 5, "metadata": [1]})

    assert refused.status_code == 400
    assert refused.json()["error"] == "Validation failed"
    assert set(refused.json()["details"]) == {"path", "name", "metadata"}
