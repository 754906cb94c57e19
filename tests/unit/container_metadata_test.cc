#include "record/container_metadata.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "format/file.h"
#include "record/container_documents.h"
#include "record/json.h"
#include "record/metadata_reader.h"
#include "record/runtime_api.h"
#include "tests/unit/testing.h"

namespace dse::record {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Labels = std::vector<std::pair<std::string, std::string>>;

#define ID_A "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970"
#define ID_B "99f3a16ea25b7724cb56a4f0c0df1113ad9474fbf5545bead97fd5c7f61c13f4"
#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// A socket on which a daemon listens. `answer` is given the first line of a request; what it
// returns is sent, and nothing at all if it returns nothing: the connection then hangs.
class FakeDaemon {
 public:
  using Answer = std::function<std::optional<std::string>(const std::string& line)>;

  FakeDaemon(const std::string& path, Answer answer)
      : answer_(std::move(answer)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0)
        << path;
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    thread_ = std::thread([this] { run(); });
  }
  ~FakeDaemon() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  int questions() const { return questions_; }

 private:
  void run() {
    std::vector<format::FileHandle> hanging;
    while (true) {
      format::FileHandle connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (connection.get() < 0) return;
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t size = ::recv(connection.get(), buffer, sizeof(buffer), 0);
        if (size <= 0) break;
        request.append(buffer, static_cast<std::size_t>(size));
      }
      ++questions_;
      const auto answer = answer_(request.substr(0, request.find("\r\n")));
      if (answer) {
        ::send(connection.get(), answer->data(), answer->size(), MSG_NOSIGNAL);
      } else {
        hanging.push_back(std::move(connection));
      }
    }
  }

  Answer answer_;
  format::FileHandle listener_;
  std::atomic<int> questions_{0};
  std::thread thread_;
};

std::string ok_answer(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string chunked_answer(const std::string& body) {
  char size[32];
  std::snprintf(size, sizeof(size), "%zx", body.size());
  return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(size) + "\r\n" +
         body + "\r\n0\r\n\r\n";
}

class ContainerMetadataTest : public ::testing::Test {
 protected:
  void put(const std::string& path, std::string_view text) {
    const std::filesystem::path full = root_ / path;
    std::filesystem::create_directories(full.parent_path());
    write_file(full, text);
  }
  MetadataPlaces places() const { return {root_.path(), 2000ms}; }
  std::optional<ContainerMetadata> read(const std::string& cgroup_path) {
    return read_container_metadata(cgroup_path, places(), api_);
  }

  TempDir root_;
  RuntimeApi api_{2000ms};
};

std::string runc_state(const std::string& id, const std::string& cgroup_paths,
                       const std::string& labels) {
  return R"({"id":")" + id + R"(","init_process_pid":42,"config":{"rootfs":"/r","labels":[)" +
         labels + R"(]},"cgroup_paths":{)" + cgroup_paths + "}}";
}

constexpr std::string_view kCriBundle = R"({"ociVersion":"1.0.2","annotations":{
  "io.kubernetes.cri.container-name":"app","io.kubernetes.cri.container-type":"container",
  "io.kubernetes.cri.image-name":"docker.io/library/nginx@sha256:)" SHA R"(",
  "io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop",
  "io.kubernetes.cri.sandbox-uid":"eab5a334-93fe-48a8-b139-9e8079c1f163"},"process":{"args":["x"]}})";

constexpr std::string_view kDockerState = R"({"ID":")" ID_A
                                          R"(","Name":"/web","Image":"sha256:)" SHA
                                          R"(","Config":{"Image":"nginx:1.25","Labels":{
  "team":"blue","com.docker.compose.service":"front"}},"State":{"Running":true}})";

// ---- the path alone -----------------------------------------------------------------------------

TEST(MayBeContainer, ByTheLastComponents) {
  for (const char* path :
       {"/docker/" ID_A, "/system.slice/docker-" ID_A ".scope", "/docker/" ID_A "/init.scope",
        "/machine.slice/libpod-" ID_A ".scope/container", "/" ID_A, "/user.slice:runc:box",
        "/system.slice/cri-containerd-" ID_A ".scope", "/a/kubepods-x.slice:cri-containerd:" ID_A,
        "/user.slice/runc-box.scope", "/box", "/batch/job-42", "/default/demo",
        "/docker/" ID_A "/docker/" ID_B, "/garden/6f265890-5165-7fab-6b52-18d1"}) {
    EXPECT_TRUE(may_be_container(path)) << path;
  }
  for (const char* path :
       {"",
        "/",
        "/init.scope",
        "/system.slice",
        "/system.slice/ssh.service",
        "/system.slice/docker.socket",
        "/system.slice/tmp.mount",
        "/user.slice/user-1000.slice/session-3.scope",
        "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-x-12.scope",
        "/app.slice/vte-spawn-3c5c6a34-6c0e-4d0c-8d3a-5bd6f0a0d4a7.scope",
        "/app.slice/snap.firefox.firefox-3c5c6a34.scope",
        "/system.slice/run-r42.scope",
        "/system.slice/" ID_A ".service",
        "/machine.slice/libpod-conmon-" ID_A ".scope",
        "/system.slice/crio-conmon-" ID_A ".scope",
        "/docker/" ID_A "/system.slice/ssh.service",
        "/docker/" ID_A "/a/b",
        "/.",
        "/..",
        "/box-.scope"}) {
    EXPECT_FALSE(may_be_container(path)) << path;
  }
  EXPECT_FALSE(may_be_container(std::string_view("/bo\0x", 5)));
}

TEST(MayBeContainer, CostsMicroseconds) {
  const auto start = Clock::now();
  int found = 0;
  for (int i = 0; i < 10000; ++i) {
    found += may_be_container("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service");
  }
  EXPECT_EQ(found, 0);
  EXPECT_LT(Clock::now() - start, 1s);  // 100 us each: a sanitizer on a busy machine, too
}

// ---- each source --------------------------------------------------------------------------------

TEST_F(ContainerMetadataTest, RuncByItsCgroupPath) {
  put("run/runc/box-1/state.json",
      runc_state("box-1",
                 R"("":"/sys/fs/cgroup/unified/try/leaf","memory":"/sys/fs/cgroup/memory/try/leaf",
                    "cpu":"/sys/fs/cgroup/cpu,cpuacct/try/leaf")",
                 R"("com.example.team=blue=1","bundle=/b/box-1","nonsense",7)"));
  put("b/box-1/config.json",
      R"({"ociVersion":"1.0.2","annotations":{"com.example.tier":"back","nerdctl/name":"n"}})");
  const auto found = read("/try/leaf");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, "box-1");
  EXPECT_EQ(found->cgroup_path, "/try/leaf");
  EXPECT_EQ(found->source, "runc state, oci bundle");
  EXPECT_EQ(found->name, "n");
  EXPECT_EQ(found->labels, (Labels{{"com.example.team", "blue=1"},
                                   {"com.example.tier", "back"},
                                   {"nerdctl/name", "n"}}));
  // Ends of the path, beginnings, and neighbours are other cgroups.
  for (const char* other : {"/leaf", "/try", "/try/leaf/sub", "/memory/try/leaf", "/try/box-1"}) {
    EXPECT_FALSE(read(other)) << other;
  }
}

TEST_F(ContainerMetadataTest, RuncOnV2AndNamedHierarchies) {
  put("run/runc/v2/state.json", runc_state("v2", R"("":"/sys/fs/cgroup/a/v2")", ""));
  put("run/runc/v1/state.json",
      runc_state("v1", R"("name=systemd":"/sys/fs/cgroup/systemd/a/v1")", ""));
  put("run/runc/scope/state.json",
      runc_state("scope", R"("":"/sys/fs/cgroup/system.slice/runc-scope.scope")", ""));
  EXPECT_TRUE(read("/a/v2"));
  EXPECT_TRUE(read("/a/v1"));
  EXPECT_TRUE(read("/system.slice/runc-scope.scope"));
  EXPECT_FALSE(read("/v2"));  // on v2 there is one mount point
  EXPECT_FALSE(read("/v1"));
}

// The id is all over a cgroup that has nothing to do with runc's container of that name.
TEST_F(ContainerMetadataTest, RuncsIdAloneProvesNothing) {
  put("run/runc/web/state.json", runc_state("web", R"("":"/sys/fs/cgroup/web")", ""));
  EXPECT_FALSE(read("/lxc/web"));
  EXPECT_TRUE(read("/web"));
}

TEST_F(ContainerMetadataTest, RuncUnderDockerContainerdAndBpm) {
  put("run/docker/runtime-runc/moby/" ID_A "/state.json",
      runc_state(ID_A, R"("":"/sys/fs/cgroup/elsewhere")", R"("bundle=/run/none")"));
  auto found = read("/system.slice/docker-" ID_A ".scope");
  ASSERT_TRUE(found);  // nobody else has this id
  EXPECT_EQ(found->source, "runc state");
  EXPECT_EQ(found->id, ID_A);

  put("run/containerd/runc/default/demo/state.json",
      runc_state("demo", R"("memory":"/sys/fs/cgroup/memory/default/demo")", ""));
  EXPECT_TRUE(read("/default/demo"));
  EXPECT_FALSE(read("/other/demo"));

  put("var/vcap/data/bpm/runc/bpm-uaa/state.json",
      runc_state("bpm-uaa", R"("":"/sys/fs/cgroup/system.slice/runc-bpm-uaa.scope")", ""));
  EXPECT_TRUE(read("/system.slice/runc-bpm-uaa.scope"));
  // Another container's state in this one's directory.
  put("run/runc/" ID_B "/state.json", runc_state(ID_A, "", ""));
  EXPECT_FALSE(read("/docker/" ID_B));
}

TEST_F(ContainerMetadataTest, CrunByItsCgroupPath) {
  put("run/crun/box/status",
      R"({"pid":42,"cgroup-path":"/system.slice/crun-box.scope","bundle":"/b"})");
  put("b/config.json", R"({"ociVersion":"1.0.0"})");
  const auto found = read("/system.slice/crun-box.scope");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, "box");
  EXPECT_EQ(found->source, "crun state, oci bundle");
  EXPECT_FALSE(read("/box"));
}

TEST_F(ContainerMetadataTest, RootlessStateOfTheCgroupsUser) {
  put("run/user/1000/crun/" ID_A "/status", R"({"pid":42,"cgroup-path":"/x","bundle":"/home/b"})");
  put("home/b/config.json", R"({"ociVersion":"1.0.0","annotations":{"a":"b"}})");
  put("run/user/1000/containers/overlay-containers/volatile-containers.json",
      R"([{"id":")" ID_A R"(","names":["mine"]}])");
  const auto found = read("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID_A
                          ".scope/container");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->source, "crun state, oci bundle, containers storage");
  EXPECT_EQ(found->name, "mine");
  EXPECT_FALSE(read("/user.slice/user-1001.slice/libpod-" ID_A ".scope"));
}

TEST_F(ContainerMetadataTest, BundleOfContainerd) {
  put("run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID_A "/config.json", kCriBundle);
  const auto found = read("/kubepods.slice/kubepods-x.slice/cri-containerd-" ID_A ".scope");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, ID_A);
  EXPECT_EQ(found->source, "oci bundle");
  EXPECT_EQ(found->name, "app");
  EXPECT_EQ(found->image, "docker.io/library/nginx@sha256:" SHA);
  EXPECT_EQ(found->image_digest, "sha256:" SHA);
  EXPECT_EQ(found->image_id, "");
  EXPECT_EQ(found->pod_name, "web-0");
  EXPECT_EQ(found->pod_namespace, "shop");
  EXPECT_EQ(found->pod_uid, "eab5a334-93fe-48a8-b139-9e8079c1f163");
  EXPECT_FALSE(read("/kubepods.slice/cri-containerd-" ID_B ".scope"));
}

TEST_F(ContainerMetadataTest, BundleOfCrio) {
  put("run/containers/storage/overlay-containers/" ID_A "/userdata/config.json",
      R"({"ociVersion":"1.0.2","annotations":{
        "io.kubernetes.container.name":"app","io.kubernetes.pod.name":"web-0",
        "io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"u1",
        "io.kubernetes.cri-o.ImageName":"quay.io/shop/app:3","io.kubernetes.cri-o.ImageRef":")" SHA
      R"(","io.kubernetes.cri-o.Labels":"{\"app\":\"shop\",\"tier\":\"front\"}",
        "io.kubernetes.cri-o.Volumes":"[]"}})");
  const auto found = read("/kubepods.slice/crio-" ID_A ".scope");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "app");
  EXPECT_EQ(found->image, "quay.io/shop/app:3");
  EXPECT_EQ(found->image_id, "sha256:" SHA);
  EXPECT_EQ(found->pod_name, "web-0");
  EXPECT_EQ(found->pod_uid, "u1");
  EXPECT_EQ(found->labels, (Labels{{"app", "shop"},
                                   {"io.kubernetes.container.name", "app"},
                                   {"io.kubernetes.pod.name", "web-0"},
                                   {"io.kubernetes.pod.namespace", "shop"},
                                   {"io.kubernetes.pod.uid", "u1"},
                                   {"tier", "front"}}));
}

TEST_F(ContainerMetadataTest, DockerState) {
  put("var/lib/docker/containers/" ID_A "/config.v2.json", kDockerState);
  for (const char* path : {"/docker/" ID_A, "/system.slice/docker-" ID_A ".scope"}) {
    const auto found = read(path);
    ASSERT_TRUE(found) << path;
    EXPECT_EQ(found->source, "docker state");
    EXPECT_EQ(found->name, "web");
    EXPECT_EQ(found->image, "nginx:1.25");
    EXPECT_EQ(found->image_id, "sha256:" SHA);
    EXPECT_EQ(found->image_digest, "");
    EXPECT_EQ(found->labels, (Labels{{"com.docker.compose.service", "front"}, {"team", "blue"}}));
  }
  // A container's own docker is none of this host's, and its containers are not the outer one.
  EXPECT_FALSE(read("/docker/" ID_A "/docker/" ID_B));
}

TEST_F(ContainerMetadataTest, ContainersStorage) {
  put("var/lib/containers/storage/overlay-containers/containers.json",
      R"([{"id":")" ID_B R"(","names":["other"]},7,{"id":")" ID_A
      R"(","names":["web"],"image":")" SHA
      R"(","metadata":"{\"image-name\":\"docker.io/library/nginx:latest\",\"name\":\"web\"}"}])");
  const auto found = read("/libpod_parent/libpod-" ID_A);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->source, "containers storage");
  EXPECT_EQ(found->name, "web");
  EXPECT_EQ(found->image, "docker.io/library/nginx:latest");
  EXPECT_EQ(found->image_id, "sha256:" SHA);
}

// ---- sockets ------------------------------------------------------------------------------------

TEST_F(ContainerMetadataTest, DockerApiAddsWhatTheFilesLack) {
  put("run/containerd/io.containerd.runtime.v2.task/moby/" ID_A "/config.json",
      R"({"ociVersion":"1.0.2","annotations":{}})");
  std::string line;
  FakeDaemon docker(root_ / "run/docker.sock", [&](const std::string& request) {
    line = request;
    return ok_answer(R"({"Id":")" ID_A R"(","Name":"/web","Image":"sha256:)" SHA
                     R"(","Config":{"Image":"nginx","Labels":{"k":"v"}},
                         "ImageManifestDescriptor":{"digest":"sha256:)" SHA R"("}})");
  });
  const auto found = read("/docker/" ID_A);
  ASSERT_TRUE(found);
  EXPECT_EQ(line, "GET /containers/" ID_A "/json HTTP/1.1");
  EXPECT_EQ(found->source, "oci bundle, docker api");
  EXPECT_EQ(found->name, "web");
  EXPECT_EQ(found->image, "nginx");
  EXPECT_EQ(found->image_digest, "sha256:" SHA);
  EXPECT_EQ(found->labels, (Labels{{"k", "v"}}));
}

TEST_F(ContainerMetadataTest, PodmanApiInChunks) {
  FakeDaemon docker(root_ / "run/docker.sock", [](const std::string&) { return ok_answer("{}"); });
  FakeDaemon podman(root_ / "run/podman/podman.sock", [](const std::string&) {
    return chunked_answer(R"({"Id":")" ID_A R"(","Name":"/web","Image":"sha256:",
                              "Config":{"Image":"","Labels":null}})");
  });
  const auto found = read("/machine.slice/libpod-" ID_A ".scope/container");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->source, "podman api");
  EXPECT_EQ(found->name, "web");
  EXPECT_EQ(found->image, "");
  EXPECT_EQ(found->image_id, "");
  EXPECT_EQ(docker.questions(), 0);
}

TEST_F(ContainerMetadataTest, SocketsAreNotAskedInVain) {
  FakeDaemon docker(root_ / "run/docker.sock", [](const std::string&) { return ok_answer("{}"); });
  put("var/lib/docker/containers/" ID_A "/config.v2.json", kDockerState);
  EXPECT_TRUE(read("/docker/" ID_A));
  EXPECT_FALSE(read("/kubepods.slice/cri-containerd-" ID_B ".scope"));
  EXPECT_FALSE(read("/box"));  // the daemon would take it for a container's name
  EXPECT_EQ(docker.questions(), 0);
}

TEST_F(ContainerMetadataTest, AnswersThatAreNone) {
  for (const std::string& answer :
       {std::string("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), std::string("garbage"),
        std::string(), ok_answer("garbage"), ok_answer(R"({"Id":")" ID_B R"(","Name":"/x"})"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")}) {
    std::filesystem::remove(root_ / "run/docker.sock");
    FakeDaemon docker(root_ / "run/docker.sock", [&](const std::string&) { return answer; });
    EXPECT_FALSE(read("/docker/" ID_A)) << answer;
    EXPECT_EQ(docker.questions(), 1);
  }
}

TEST(RuntimeApi, AnswersAreBounded) {
  const TempDir directory;
  std::string body(8 << 20, 'x');
  FakeDaemon daemon(directory / "s",
                    [&](const std::string&) { return "HTTP/1.1 200 OK\r\n\r\n" + body; });
  RuntimeApi api(5s);
  EXPECT_FALSE(api.get(directory / "s", "/"));
  body.resize(1 << 20);
  EXPECT_EQ(api.get(directory / "s", "/"), body);  // up to the end of the connection
  EXPECT_FALSE(api.get(directory / "none", "/"));
  EXPECT_FALSE(api.get(directory / std::string(200, 'x'), "/"));
}

TEST(RuntimeApi, HangingSocketCostsItsTimeoutOnce) {
  const TempDir directory;
  FakeDaemon daemon(directory / "s", [](const std::string&) { return std::nullopt; });
  RuntimeApi api(50ms);
  const auto start = Clock::now();
  EXPECT_FALSE(api.get(directory / "s", "/"));
  EXPECT_GE(Clock::now() - start, 50ms);
  EXPECT_FALSE(api.get(directory / "s", "/"));
  EXPECT_EQ(daemon.questions(), 1);
}

// ---- hostile files ------------------------------------------------------------------------------

TEST_F(ContainerMetadataTest, GarbageIsMissing) {
  const std::string deep(3 << 20, '[');
  std::string nested = R"({"ociVersion":"1.0.2","annotations":{"a":"b"},"x":)";
  for (int i = 0; i < 100000; ++i) nested += R"({"x":[)";
  nested += "1";
  for (int i = 0; i < 100000; ++i) nested += "]}";
  nested += "}";
  const std::string path = "run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID_A;
  for (const std::string& text :
       {std::string(), std::string("garbage"), std::string("[]"), std::string("7"),
        std::string("\"x\""), std::string("{}"), std::string("{\"ociVersion\":"), deep, nested,
        std::string("{\"ociVersion\":\"\xff\"}"),
        std::string(5 << 20, ' ') + "{\"ociVersion\":1}"}) {
    put(path + "/config.json", text);
    put("run/runc/" ID_A "/state.json", text);
    put("run/crun/" ID_A "/status", text);
    put("var/lib/docker/containers/" ID_A "/config.v2.json", text);
    put("var/lib/containers/storage/overlay-containers/containers.json", text);
    EXPECT_FALSE(read("/docker/" ID_A)) << text.substr(0, 80);
  }
  // Everything of the wrong type.
  put(path + "/config.json", R"({"ociVersion":1,"annotations":[1,2]})");
  put("run/runc/" ID_A "/state.json",
      R"({"id":")" ID_A R"(","config":[],"cgroup_paths":{"":7,"memory":[]}})");
  put("var/lib/docker/containers/" ID_A "/config.v2.json",
      R"({"ID":")" ID_A R"(","Name":7,"Image":{},"Config":"x"})");
  const auto found = read("/docker/" ID_A);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->source, "runc state, oci bundle, docker state");
  EXPECT_EQ(found->name + found->image + found->image_id, "");
}

TEST_F(ContainerMetadataTest, OnlyRegularFilesAreRead) {
  const std::string directory = root_ / "var/lib/docker/containers/" ID_A;
  std::filesystem::create_directories(directory);
  const std::string file = directory + "/config.v2.json";
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_FALSE(read("/docker/" ID_A));
  std::filesystem::remove(file);
  std::filesystem::create_symlink("/dev/zero", file);
  EXPECT_FALSE(read("/docker/" ID_A));
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_FALSE(read("/docker/" ID_A));
}

TEST(ContainerDocuments, LabelsAndFactsAreBounded) {
  std::string many = R"({"ID":")" ID_A R"(","Name":")" + std::string(kMaxFact + 1, 'n') +
                     R"(","Config":{"Labels":{"":"no key")";
  for (int i = 0; i < 1000; ++i) many += ",\"k" + std::to_string(i) + "\":\"v\"";
  auto facts = parse_docker_container(many + "}}}", ID_A);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->name, "");
  EXPECT_EQ(facts->labels.size(), kMaxLabels);

  std::string large = R"({"ID":")" ID_A R"(","Config":{"Labels":{"first":"1","first":"2")";
  for (int i = 0; i < 10; ++i) {
    large += ",\"k" + std::to_string(i) + "\":\"" + std::string(10000, 'v') + "\"";
  }
  facts = parse_docker_container(large + R"(,"last":"3"}}})", ID_A);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->labels.size(), 8u);  // six of the large ones
  EXPECT_EQ(facts->labels.front(), (Labels::value_type{"first", "1"}));
  EXPECT_EQ(facts->labels.back(), (Labels::value_type{"last", "3"}));
}

TEST(Json, IsBounded) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(kMaxJsonDepth)));
  EXPECT_FALSE(parse_json(nested(kMaxJsonDepth + 1)));
  const auto wide = [](std::size_t values) {  // the array is one, too
    std::string text = "[1";
    for (std::size_t i = 2; i < values; ++i) text += ",1";
    return text + "]";
  };
  EXPECT_TRUE(parse_json(wide(kMaxJsonValues)));
  EXPECT_FALSE(parse_json(wide(kMaxJsonValues + 1)));
}

TEST(Json, Values) {
  const auto json = parse_json(R"({"a":"x\u0000y","a":"second","b":[1,"z",null],"":{}})");
  ASSERT_TRUE(json);
  EXPECT_EQ(text_of(member(&*json, "a")), std::string_view("x\0y", 3));
  EXPECT_EQ(member(&*json, "b")->values.size(), 3u);
  EXPECT_EQ(member(&*json, "b")->values[1].text, "z");
  EXPECT_EQ(text_of(member(&*json, "b")), "");
  EXPECT_EQ(member(&*json, "c"), nullptr);
  EXPECT_EQ(member(member(&*json, "b"), "a"), nullptr);
  for (const char* text : {"", " ", "{", "[1,]", "{\"a\"}", "1 2", "\xef\xbb\xbf{}"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

// A text cut short or with foreign bytes in it is handled, whatever it then means.
TEST(ContainerDocuments, EveryPrefixAndEveryByteChanged) {
  const std::string state = runc_state(ID_A, R"("cpu":"/sys/fs/cgroup/cpu,cpuacct/a")",
                                       R"("bundle=/b","k=v")");
  for (const std::string_view original :
       {kCriBundle, kDockerState, std::string_view(state),
        std::string_view(R"([{"id":")" ID_A
                         R"(","names":["a"],"metadata":"{\"name\":\"x\"}"}])")}) {
    const auto parse_all = [](std::string_view text) {
      parse_runc_state(text, "/a");
      parse_crun_status(text, ID_A, "/a");
      parse_oci_bundle(text);
      parse_docker_container(text, ID_A);
      parse_containers_storage(text, ID_A);
    };
    for (std::size_t size = 0; size <= original.size(); ++size) {
      // Of the exact size, so that a sanitizer sees a read past the end.
      const std::vector<char> cut(original.begin(),
                                  original.begin() + static_cast<std::ptrdiff_t>(size));
      parse_all({cut.data(), cut.size()});
    }
    std::vector<char> changed(original.begin(), original.end());
    for (char& byte : changed) {
      const char before = byte;
      for (const char other : {'\0', '"', '{', '[', ']', ',', '\\', '\xff'}) {
        byte = other;
        parse_all({changed.data(), changed.size()});
      }
      byte = before;
    }
  }
}

// ---- the thread ---------------------------------------------------------------------------------

bool wait_readable(int fd, std::chrono::milliseconds timeout) {
  pollfd poll_fd{fd, POLLIN, 0};
  return ::poll(&poll_fd, 1, static_cast<int>(timeout.count())) == 1;
}

using MetadataReaderTest = ContainerMetadataTest;

TEST_F(MetadataReaderTest, FindsAndSaysSo) {
  put("var/lib/docker/containers/" ID_A "/config.v2.json", kDockerState);
  MetadataReader reader(places());
  EXPECT_TRUE(reader.take().empty());
  EXPECT_FALSE(wait_readable(reader.event_fd(), 0ms));
  reader.request("/system.slice/ssh.service");
  reader.request("/docker/" ID_A);
  reader.request("/docker/" ID_A);
  ASSERT_TRUE(wait_readable(reader.event_fd(), 10s));
  auto found = reader.take();
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].name, "web");
  EXPECT_EQ(found[0].cgroup_path, "/docker/" ID_A);
  // Once more: another one may have this path now.
  reader.request("/docker/" ID_A);
  ASSERT_TRUE(wait_readable(reader.event_fd(), 10s));
  EXPECT_FALSE(reader.take().empty());
}

TEST_F(MetadataReaderTest, WaitsForAStateThatIsNotThereYet) {
  MetadataReader reader(places());
  reader.request("/try/leaf");
  std::this_thread::sleep_for(30ms);
  // As runtimes do: the reader sees no half of it.
  put("run/runc/box/.state.json",
      runc_state("box", R"("pids":"/sys/fs/cgroup/pids/try/leaf")", R"("k=v")"));
  std::filesystem::rename(root_ / "run/runc/box/.state.json", root_ / "run/runc/box/state.json");
  ASSERT_TRUE(wait_readable(reader.event_fd(), 10s));
  const auto found = reader.take();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id, "box");
  EXPECT_FALSE(wait_readable(reader.event_fd(), 0ms));
}

TEST_F(MetadataReaderTest, EndsPromptlyThoughASocketHangs) {
  FakeDaemon docker(root_ / "run/docker.sock", [](const std::string&) { return std::nullopt; });
  auto reader = std::make_unique<MetadataReader>(
      MetadataPlaces{root_.path(), std::chrono::hours(1)});
  reader->request("/docker/" ID_A);
  while (docker.questions() == 0) std::this_thread::sleep_for(1ms);
  const auto start = Clock::now();
  reader.reset();
  EXPECT_LT(Clock::now() - start, 1s);
}

TEST_F(MetadataReaderTest, EndsPromptlyWithMuchToDo) {
  const auto start = Clock::now();
  {
    MetadataReader reader(places());
    for (std::size_t i = 0; i < 2 * MetadataReader::kMaxWaiting; ++i) {
      reader.request("/box/" + std::to_string(i));
    }
  }
  EXPECT_LT(Clock::now() - start, 5s);
}

}  // namespace
}  // namespace dse::record
